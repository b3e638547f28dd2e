import { GeneratorError, runGenerator, writeGenerated } from "@helsekontakt/codegen";
import { generateCodes } from "./generate.ts";

// gen-codes --specs DIR --out DIR: turns specs/codes/*.json into typed code lists.
await runGenerator("gen-codes", ["specs", "out"], ({ specs, out }) => {
  if (specs === undefined || out === undefined) {
    throw new GeneratorError("gen-codes", undefined, "too few options", "--specs DIR and --out DIR");
  }
  const files = generateCodes(specs);
  const { written, unchanged, removed } = writeGenerated(out, files);
  return `${files.length} files, ${written} written, ${unchanged} unchanged, ${removed} removed`;
});
