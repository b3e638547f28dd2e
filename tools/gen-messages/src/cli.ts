import { GeneratorError, runGenerator, writeGenerated } from "@helsekontakt/codegen";
import { generateMessages } from "./generate.ts";

// gen-messages --specs DIR --out DIR: turns specs/messages.json into typed constants of the AMQP messages.
await runGenerator("gen-messages", ["specs", "out"], ({ specs, out }) => {
  if (specs === undefined || out === undefined) {
    throw new GeneratorError("gen-messages", undefined, "too few options", "--specs DIR and --out DIR");
  }
  const files = generateMessages(specs);
  const { written, unchanged, removed } = writeGenerated(out, files);
  return `${files.length} files, ${written} written, ${unchanged} unchanged, ${removed} removed`;
});
