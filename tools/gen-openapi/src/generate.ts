import { join } from "node:path";
import { byCodeUnit, type GeneratedFile, GeneratorError, readManifest, type SpecEntry } from "@helsekontakt/codegen";
import type { JsonObject } from "./document.ts";
import { emitOperations } from "./emit-operations.ts";
import { emitSettings } from "./emit-settings.ts";
import { readDocument } from "./read.ts";

/** What a run writes: openapi-typescript's types, the operations tables of the REST client, or checks of bodies. */
export type Target = "types" | "rest-client" | "validators";

/** All files of one target, one per document that feeds it, in the order of their ids. */
export async function generate(specsDir: string, target: Target): Promise<GeneratedFile[]> {
  const specs = readManifest(specsDir)
    .filter((s) => s.kind === "openapi" && s.feeds.includes(target))
    .sort((a, b) => byCodeUnit(a.id, b.id));
  const files: GeneratedFile[] = [];
  for (const spec of specs) {
    const document = readDocument(join(specsDir, spec.path), `specs/${spec.path}`);
    files.push({ path: `${spec.id}.ts`, content: await emit(target, document, spec) });
  }
  return files;
}

/** Each target loads what it alone needs: openapi-typescript brings an older TypeScript, half a second. */
async function emit(target: Target, document: JsonObject, spec: SpecEntry): Promise<string> {
  switch (target) {
    case "types":
      return (await import("./emit-types.ts")).emitTypes(document, spec);
    case "validators":
      return (await import("./emit-validators.ts")).emitValidators(document, spec);
    default:
      return emitOperations(document, spec) + emitSettings(document, spec);
  }
}

export function parseTarget(text: string | undefined): Target {
  if (text === "types" || text === "rest-client" || text === "validators") return text;
  throw new GeneratorError("--target", undefined, text ?? "nothing", "types, rest-client or validators");
}
