import { GeneratorError, runGenerator, writeGenerated } from "@helsekontakt/codegen";
import { generateEnvironments } from "./generate.ts";

// gen-environments --specs DIR --out DIR: turns specs/environments.json and the servers of specs/openapi into typed presets.
await runGenerator("gen-environments", ["specs", "out"], ({ specs, out }) => {
  if (specs === undefined || out === undefined) {
    throw new GeneratorError("gen-environments", undefined, "too few options", "--specs DIR and --out DIR");
  }
  const files = generateEnvironments(specs);
  const { written, unchanged, removed } = writeGenerated(out, files);
  return `${files.length} files, ${written} written, ${unchanged} unchanged, ${removed} removed`;
});
