import { join } from "node:path";
import { byCodeUnit, type GeneratedFile, GeneratorError, readManifest } from "@helsekontakt/codegen";
import { emitOperations } from "./emit-operations.ts";
import { emitSettings } from "./emit-settings.ts";
import { readDocument } from "./read.ts";

/** What a run writes: openapi-typescript's types, or the operations tables of the REST client. */
export type Target = "types" | "rest-client";

/** All files of one target, one per document that feeds it, in the order of their ids. */
export async function generate(specsDir: string, target: Target): Promise<GeneratedFile[]> {
  const specs = readManifest(specsDir)
    .filter((s) => s.kind === "openapi" && s.feeds.includes(target))
    .sort((a, b) => byCodeUnit(a.id, b.id));
  const files: GeneratedFile[] = [];
  for (const spec of specs) {
    const document = readDocument(join(specsDir, spec.path), `specs/${spec.path}`);
    // Only the types need openapi-typescript, and with it an older TypeScript: half a second that the tables save.
    const content =
      target === "types"
        ? await (await import("./emit-types.ts")).emitTypes(document, spec)
        : emitOperations(document, spec) + emitSettings(document, spec);
    files.push({ path: `${spec.id}.ts`, content });
  }
  return files;
}

export function parseTarget(text: string | undefined): Target {
  if (text === "types" || text === "rest-client") return text;
  throw new GeneratorError("--target", undefined, text ?? "nothing", "types or rest-client");
}
