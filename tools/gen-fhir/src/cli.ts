import { GeneratorError, runGenerator, writeGenerated } from "@helsekontakt/codegen";
import { generate } from "./generate.ts";

await runGenerator("gen-fhir", ["specs", "target", "out"], ({ specs, target, out }) => {
  if (specs === undefined || target === undefined || out === undefined)
    throw new GeneratorError(
      "the command line",
      undefined,
      "fewer options",
      "--specs DIR --target types|validators --out DIR",
    );
  const { written, unchanged, removed } = writeGenerated(out, generate(target, specs));
  return `${target}: ${written} written, ${unchanged} unchanged, ${removed} removed`;
});
