import { GeneratorError, runGenerator, writeGenerated } from "@helsekontakt/codegen";
import { generateMessages } from "./generate.ts";
import { generateRules } from "./generate-rules.ts";

// gen-messages --specs DIR --out DIR [--target rules]: turns specs/messages.json into typed constants of the AMQP messages;
// with the target, specs/rules into what the validators run and tell.
await runGenerator("gen-messages", ["specs", "out", "target"], ({ specs, out, target = "messages" }) => {
  if (specs === undefined || out === undefined || !["messages", "rules"].includes(target)) {
    throw new GeneratorError(
      "gen-messages",
      undefined,
      "other options",
      "--specs DIR, --out DIR, --target messages|rules",
    );
  }
  const files = target === "rules" ? generateRules(specs) : generateMessages(specs);
  const { written, unchanged, removed } = writeGenerated(out, files);
  return `${files.length} files, ${written} written, ${unchanged} unchanged, ${removed} removed`;
});
