#!/usr/bin/env node
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { GeneratorError, runGenerator, writeGenerated } from "@helsekontakt/codegen";
import { generate, parseTarget } from "./generate.ts";

const usage = `--specs DIR --target types|rest-client|validators --out DIR
       or --from FILE|DIR --out DIR: types and body checks of one document, or of every one below a folder`;

await runGenerator("gen-openapi", ["specs", "target", "from", "out"], async (options) => {
  const { specs, from, out } = options;
  if (out === undefined || (specs === undefined) === (from === undefined))
    throw new GeneratorError("arguments", undefined, Object.keys(options).join(", ") || "none", usage);
  if (from !== undefined) return documents(from, out);
  const files = await generate(resolve(specs ?? ""), parseTarget(options["target"]));
  const { written, unchanged, removed } = writeGenerated(resolve(out), files);
  return `${files.length} documents, ${written} files written, ${unchanged} unchanged, ${removed} removed`;
});

async function documents(from: string, out: string): Promise<string> {
  if (!existsSync(from)) throw new GeneratorError("--from", undefined, from, "a document or a folder of them");
  const { generateFromDocuments } = await import("./project.ts");
  const { files, documents: found, refused } = await generateFromDocuments(resolve(from));
  for (const line of refused) process.stderr.write(`gen-openapi: refused: ${line}\n`);
  const { written, unchanged, removed } = writeGenerated(resolve(out), files);
  if (refused.length > 0) process.exitCode = 1;
  return `${found} documents, ${refused.length} refused, ${written} files written, ${unchanged} unchanged, ${removed} removed`;
}
