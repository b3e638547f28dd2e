import { GeneratorError, runGenerator, writeGenerated } from "@helsekontakt/codegen";
import { generateCodes, generateFaults } from "./generate.ts";

// gen-codes --specs DIR --out DIR: turns specs/codes/*.json into typed code lists; --what faults: the
// explanations of Helsenorge's fault codes; --what NAME-faults: of another service's.
await runGenerator("gen-codes", ["specs", "out", "what"], ({ specs, out, what }) => {
  if (specs === undefined || out === undefined) {
    throw new GeneratorError("gen-codes", undefined, "too few options", "--specs DIR and --out DIR");
  }
  const files =
    what === undefined ? generateCodes(specs) : generateFaults(specs, what === "faults" ? "helsenorge-faults" : what);
  const { written, unchanged, removed } = writeGenerated(out, files);
  return `${files.length} files, ${written} written, ${unchanged} unchanged, ${removed} removed`;
});
