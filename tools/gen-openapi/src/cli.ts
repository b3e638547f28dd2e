#!/usr/bin/env node
import { resolve } from "node:path";
import { GeneratorError, runGenerator, writeGenerated } from "@helsekontakt/codegen";
import { generate, parseTarget } from "./generate.ts";

await runGenerator("gen-openapi", ["specs", "target", "out"], async (options) => {
  const { specs, out } = options;
  if (specs === undefined || out === undefined)
    throw new GeneratorError(
      "arguments",
      undefined,
      "none",
      "--specs DIR --target types|rest-client|validators --out DIR",
    );
  const files = await generate(resolve(specs), parseTarget(options["target"]));
  const { written, unchanged, removed } = writeGenerated(resolve(out), files);
  return `${files.length} documents, ${written} files written, ${unchanged} unchanged, ${removed} removed`;
});
