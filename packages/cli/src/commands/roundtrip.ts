import { HelsekontaktError } from "@helsekontakt/core";
import { describeFault } from "../faults.ts";
import { outputPaths, readInput, writeOutput } from "../files.ts";
import type { CliIo, ExitCode } from "../io.ts";
import { roundTrip } from "../typed.ts";

export interface RoundtripOptions {
  readonly out?: string;
}

/**
 * `helsekontakt roundtrip`: decodes each file to typed objects, encodes it again and compares the two.
 *
 * @returns 2 when a file could not be read or written, else 1 when one does not decode or does not come back equal.
 * @throws {HelsekontaktError} `input/invalid` when the results cannot have the files' names in the folder.
 */
export async function roundtrip(files: readonly string[], options: RoundtripOptions, io: CliIo): Promise<ExitCode> {
  const targets = options.out === undefined ? undefined : outputPaths(files, options.out);
  let code: ExitCode = 0 as ExitCode;
  for (const file of files) {
    try {
      const bytes = await readInput(file);
      const again = roundTrip(file, bytes);
      const target = targets?.get(file);
      if (target !== undefined) await writeOutput(target, again.bytes);
      io.out(
        `${file}: ${again.equal ? "comes back equal" : "comes back changed"}${target === undefined ? "" : `, written to ${target}`}\n`,
      );
      if (!again.equal && code === 0) code = 1;
    } catch (reason) {
      io.err(`${file}: ${describeFault(reason)}\n`);
      code = ofContent(reason) && code !== 2 ? 1 : 2;
    }
  }
  return code;
}

/** True for a fault that lies in the document, its size too, not in reading or writing files. */
export function ofContent(reason: unknown): boolean {
  return (
    reason instanceof HelsekontaktError &&
    /^(?:(?:xml|fhir|protection|registry)\/|input\/too-large$)/.test((reason as HelsekontaktError).code)
  );
}
