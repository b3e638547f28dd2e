import { describeFault } from "../faults.ts";
import { readInput } from "../files.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";
import { decodeFile } from "../typed.ts";
import { ofContent } from "./roundtrip.ts";

export interface DecodeOptions {
  readonly tolerant?: boolean;
}

/**
 * `helsekontakt decode`: the typed object of a message as JSON. It shows the whole content, personal values too.
 *
 * @returns 1 when the document does not decode.
 * @throws {HelsekontaktError} `input/invalid` when the file cannot be read.
 */
export async function decode(file: string, options: DecodeOptions, io: CliIo): Promise<ExitCode> {
  try {
    const bytes = await readInput(file);
    printJson(io, decodeFile(file, bytes, options.tolerant === true ? "tolerant" : "strict"));
    return 0;
  } catch (reason) {
    if (!ofContent(reason)) throw reason;
    io.err(`${file}: ${describeFault(reason)}\n`);
    return 1;
  }
}
