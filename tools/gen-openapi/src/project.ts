import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { byCodeUnit, type GeneratedFile, GeneratorError, type SpecEntry } from "@helsekontakt/codegen";
import { isObject, type JsonObject } from "./document.ts";
import { emitTypes } from "./emit-types.ts";
import { emitValidators } from "./emit-validators.ts";
import { readDocument } from "./read.ts";

/** What became of documents that no manifest lists. */
export interface Project {
  readonly files: readonly GeneratedFile[];
  readonly documents: number;
  /** By file: what was expected and found in it. */
  readonly refused: readonly string[];
}

/**
 * Types and body checks of one document, or of every `.json` below a folder that is OpenAPI or Swagger. A document that
 * does not compile is refused by name, and the others go on.
 *
 * @throws {GeneratorError} when there is none, or two have one name
 */
export async function generateFromDocuments(from: string): Promise<Project> {
  const isFolder = statSync(from).isDirectory();
  const paths = isFolder ? jsonFiles(from) : [from];
  const files: GeneratedFile[] = [];
  const refused: string[] = [];
  const ids = new Map<string, string>();
  for (const path of paths) {
    const name = isFolder ? relative(from, path).replaceAll("\\", "/") : basename(path);
    if (isFolder && !isApi(path)) continue;
    const id = idOf(name);
    const other = ids.get(id);
    if (other !== undefined)
      throw new GeneratorError(name, undefined, `the name ${id}, as ${other} has`, "another name");
    ids.set(id, name);
    try {
      const document = readDocument(path, name);
      const spec = specOf(id, name, document, readFileSync(path));
      files.push(
        { path: `types/${id}.ts`, content: outside(await emitTypes(document, spec), spec) },
        { path: `validators/${id}.ts`, content: outside(emitValidators(document, spec), spec) },
      );
    } catch (error) {
      if (!(error instanceof GeneratorError)) throw error;
      refused.push(error.message);
    }
  }
  if (ids.size === 0)
    throw new GeneratorError(from, undefined, "none", "a document of OpenAPI 3.0, 3.1 or Swagger 2.0");
  return { files, documents: ids.size, refused };
}

function jsonFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort(byCodeUnit);
}

/** Beside them may stand settings and samples. */
function isApi(path: string): boolean {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8").replace(/^\uFEFF/, ""));
    return isObject(value as JsonObject) && ("openapi" in (value as object) || "swagger" in (value as object));
  } catch {
    return false;
  }
}

/** `Foo Bar/v1.json`: `foo-bar-v1`. */
function idOf(name: string): string {
  const id = name
    .replace(/\.json$/, "")
    .replaceAll(/[^A-Za-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")
    .toLowerCase();
  return id === "" ? "api" : id;
}

function specOf(id: string, path: string, document: JsonObject, bytes: Uint8Array): SpecEntry {
  const info = isObject(document["info"]) ? document["info"] : {};
  const title = typeof info["title"] === "string" ? info["title"] : id;
  const version = typeof info["version"] === "string" ? info["version"] : "0";
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const upstream = { title, version, address: path };
  return { id, path, kind: "openapi", title, version, upstream, sha256, confirmed: [], inferred: [], feeds: [] };
}

/** What the repository's own modules import by path, as others import it. */
function outside(content: string, { path }: SpecEntry): string {
  return content
    .replaceAll(/"\.\.\/\.\.\/openapi\/(?:body-table|runtime)\.ts"/g, '"@helsekontakt/validators/openapi-runtime"')
    .replaceAll(`from specs/${path} `, `from ${path} `)
    .replace(
      "Do not edit: change the document in specs/ and run `pnpm generate`.",
      "Do not edit: change the document and run it again.",
    );
}
