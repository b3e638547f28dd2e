import { runDemo } from "../demo/demo.ts";
import type { CliIo, ExitCode } from "../io.ts";

export interface DemoOptions {
  readonly dir: string;
}

/**
 * `helsekontakt demo`: the five systems in order against a sandbox in this process.
 *
 * @throws {HelsekontaktError} where a step does not end as it must.
 */
export async function demo(options: DemoOptions, io: CliIo): Promise<ExitCode> {
  await runDemo({ dir: options.dir, write: (line) => io.out(`${line}\n`) });
  return 0;
}
