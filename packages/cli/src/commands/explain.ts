import { allExplanations, type Explanation, explanationsOf, namesNear } from "../explanations.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";

export interface ExplainOptions {
  readonly json?: boolean;
}

/**
 * `helsekontakt explain`: rules of the validators, error codes of this library, codes of code lists (`7601:DI`, or `T02`
 * alone), fault codes of HelseID and Helsenorge, AMQP transport errors.
 *
 * @returns 2 when a name is unknown; the nearest ones are told then.
 */
export function explain(names: readonly string[], options: ExplainOptions, io: CliIo): ExitCode {
  const all = allExplanations();
  const answers = names.map((query) => {
    const found = explanationsOf(query, all);
    return { found, near: found.length > 0 ? [] : namesNear(query, all) };
  });
  if (options.json === true) printJson(io, answers);
  else
    answers.forEach(({ found, near }, i) => {
      if (found.length > 0) io.out(found.map(asText).join("\n"));
      else io.err(unknown(i, names.length, near));
    });
  return answers.some((a) => a.found.length === 0) ? 2 : 0;
}

/** The name itself is not repeated: it may be anything that someone has pasted. */
function unknown(index: number, count: number, near: readonly string[]): string {
  const which = count === 1 ? "" : ` as argument ${index + 1}`;
  const hint =
    near.length > 0
      ? `did you mean ${near.join(", ")}?`
      : "try profile/msg-id, rest/timeout, 7601:DI, T02, HID-1001, transport:invalid-signature";
  return `expected the name of a rule, error or code${which}, found another\n  ${hint}\n`;
}

function asText(e: Explanation): string {
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["level", e.level],
    ["retryable", e.retryable === undefined ? undefined : e.retryable ? "yes" : "no"],
    ["from Helsenorge", e.helsenorge],
    ["what to do", e.todo],
    ["functions", e.functions?.join(", ")],
    ["stated in", e.source?.join("; ")],
    ["inferred", e.inferred],
  ];
  const rest = lines.flatMap(([label, text]) => (text === undefined ? [] : `  ${label}: ${text}\n`));
  return `${e.name} (${e.kind})\n  ${e.meaning}\n${rest.join("")}`;
}
