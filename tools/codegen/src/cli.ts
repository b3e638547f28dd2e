import { parseArgs } from "node:util";
import { GeneratorError } from "./generator-error.ts";

/**
 * Runs a generator's main function: `--out DIR` and the options named; a {@link GeneratorError} ends with exit code 1 and
 * one readable line, anything else with its stack.
 */
export async function runGenerator(
  tool: string,
  optionNames: readonly string[],
  main: (options: Readonly<Record<string, string>>) => Promise<string> | string,
): Promise<void> {
  const { values } = parseArgs({
    options: Object.fromEntries(optionNames.map((n) => [n, { type: "string" as const }])),
    strict: true,
  });
  const options: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) if (typeof value === "string") options[name] = value;
  try {
    process.stdout.write(`${tool}: ${await main(options)}\n`);
  } catch (error) {
    process.stderr.write(
      `${tool}: ${error instanceof GeneratorError ? error.message : ((error as Error).stack ?? String(error))}\n`,
    );
    process.exitCode = 1;
  }
}
