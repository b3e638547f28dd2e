import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { byCodeUnit, GeneratorError, type SpecEntry } from "@helsekontakt/codegen";
import { parseSchema } from "@helsekontakt/gen-xsd/src/dom.ts";

/** Upstream's document, or why there is none. */
export type Found = Present | Missing;

export interface Present {
  readonly bytes: Uint8Array;
  readonly from: string;
}

export interface Missing {
  readonly missing: string;
  /** True when nobody could be asked: there may well be a document. */
  readonly failed?: boolean;
}

/** Largest document that is read; the biggest known is a tenth of it. */
const maxBytes = 20 * 1024 * 1024;
const timeoutMs = 30_000;

/** Where upstream's documents come from: a folder, an address, or each document's own address in the manifest. */
export interface Source {
  /** All documents that may stand for the entry; the caller takes the one that differs least. */
  find(entry: SpecEntry, identity: string | undefined): Promise<readonly Found[]>;
}

export function openSource(from: string | undefined): Source {
  if (from === undefined) return { find: async (entry) => [await fromManifest(entry)] };
  if (/^https?:/.test(from)) return { find: async (entry) => [await fromAddress(from, entry)] };
  if (!existsSync(from)) throw new GeneratorError("--from", undefined, from, "a folder, a file or an http address");
  return folderSource(from);
}

async function fromManifest(entry: SpecEntry): Promise<Found> {
  const { address } = entry.upstream;
  if (!/^https?:.*\.(?:json|xsd)(?:\?.*)?$/.test(address))
    return { missing: `no address of a machine-readable document is known, look at it by hand: ${address}` };
  return download(address);
}

/** The address itself when it is a document, else the manifest's path, the file's name or the id below it. */
async function fromAddress(from: string, entry: SpecEntry): Promise<Found> {
  if (/\.(?:json|xsd)(?:\?.*)?$/.test(from)) return download(from);
  const base = from.endsWith("/") ? from : `${from}/`;
  const extension = entry.kind === "xsd" ? "xsd" : "json";
  let last: Found = { missing: `nothing for ${entry.id} at ${from}` };
  for (const path of new Set([entry.path, entry.path.split("/").at(-1) ?? "", `${entry.id}.${extension}`])) {
    last = await download(new URL(path, base).href);
    if (!("missing" in last) || last.failed === true) return last;
  }
  return last;
}

async function download(address: string): Promise<Found> {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(timeoutMs) });
    if (response.status === 404) return { missing: `${address}: status 404` };
    if (!response.ok) return { missing: `${address}: status ${response.status}`, failed: true };
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size > maxBytes) return { missing: `${address}: more than ${maxBytes} bytes`, failed: true };
      chunks.push(chunk);
    }
    return { bytes: Buffer.concat(chunks), from: address };
  } catch (error) {
    return { missing: `${address}: ${(error as Error).message}`, failed: true };
  }
}

/** Finds by what a document says of itself: namespace, canonical address, code list; OpenAPI documents by name. */
function folderSource(folder: string): Source {
  const files = statSync(folder).isDirectory() ? filesBelow(folder) : [""];
  const identities = new Map<string, string[]>();
  for (const file of files)
    for (const identity of identitiesOf(join(folder, file), file === "" ? folder : file))
      identities.set(identity, [...(identities.get(identity) ?? []), file]);
  return {
    find: async (entry, identity) => {
      const wanted = entry.kind === "openapi" ? `openapi ${entry.id}` : (identity ?? "");
      // One file is meant whatever its name.
      const found = files[0] === "" && entry.kind === "openapi" ? files : (identities.get(wanted) ?? []);
      if (found.length === 0) return [{ missing: `nothing for ${entry.id} below the folder` }];
      return [...new Set(found)].map((file) => ({
        bytes: readFileSync(join(folder, file)),
        from: file === "" ? folder : file,
      }));
    },
  };
}

function identitiesOf(path: string, file: string): string[] {
  if (!/\.(?:xsd|json)$/.test(file)) return [];
  const bytes = readFileSync(path);
  if (bytes.length > maxBytes) return [];
  const identity = identityOf(bytes, file);
  const parts = file.replace(/\.json$/, "").split(/[/\\]/);
  return [
    ...(identity === undefined ? [] : [identity]),
    ...(file.endsWith(".json") ? parts.map((part) => `openapi ${part}`) : []),
  ];
}

/** What a document says of itself: `xsd <namespace>`, `fhir <canonical>`, `codes <oid>`; undefined when it does not. */
export function identityOf(bytes: Uint8Array, file: string): string | undefined {
  try {
    if (file.endsWith(".xsd")) return `xsd ${parseSchema(bytes, file).attrs.get("targetNamespace") ?? ""}`;
    const parsed = JSON.parse(new TextDecoder().decode(bytes).replace(/^\uFEFF/, "")) as Record<string, unknown>;
    if (typeof parsed["resourceType"] === "string" && typeof parsed["url"] === "string")
      return `fhir ${parsed["resourceType"]} ${parsed["url"]}`;
    if (Array.isArray(parsed["codes"]) || Array.isArray(parsed["systems"]))
      return `codes ${String(parsed["oid"] ?? parsed["id"])}`;
    return undefined;
  } catch {
    // A file that cannot be read stands for no document; when it is the one that is wanted, it is missing by name.
    return undefined;
  }
}

function filesBelow(folder: string, prefix = ""): string[] {
  return readdirSync(join(folder, prefix), { withFileTypes: true })
    .sort((a, b) => byCodeUnit(a.name, b.name))
    .flatMap((e) => (e.isDirectory() ? filesBelow(folder, `${prefix}${e.name}/`) : [`${prefix}${e.name}`]));
}
