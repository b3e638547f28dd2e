import { readFileSync } from "node:fs";
import type { HelsekontaktConfig } from "@helsekontakt/sdk";
import { CommanderError } from "commander";
import type { LoadConfigOptions } from "./config-file.ts";
import { describeFault } from "./faults.ts";
import { type CliIo, type ExitCode, processIo } from "./io.ts";
import { createProgram } from "./program.ts";

export type { LoadConfigOptions } from "./config-file.ts";
export type { FileKind, FileVerdict, PrintedIssue } from "./validate-file.ts";
export type { UnprotectOutcome } from "./commands/unprotect.ts";

/**
 * Runs the `helsekontakt` command.
 *
 * @param argv - arguments without the program's own name.
 * @returns 0 good, 1 findings, 2 could not run; never throws.
 */
export async function main(argv: readonly string[]): Promise<number> {
  for (const stream of [process.stdout, process.stderr])
    if (!stream.listeners("error").includes(heard)) stream.on("error", heard);
  lost = false;
  const code = await run(argv, processIo);
  if (!lost) return code;
  processIo.err("helsekontakt: expected a writable output, found one that takes no more\n");
  return 2;
}

/**
 * Reads a configuration file for an application, as the commands do with `--config`: JSON, or a module, with secrets in
 * files and variables.
 *
 * @throws {HelsekontaktError} `config/invalid` with all faults at once; `input/invalid` when the file cannot be read;
 *   `journal/*`, `config/missing` when the journal was asked for and cannot be opened
 */
export async function readConfig(path: string, options: LoadConfigOptions = {}): Promise<HelsekontaktConfig> {
  // Loaded when it is needed, so that the command stays quick.
  const { loadConfig } = await import("./config-file.ts");
  return loadConfig(path, { out: () => undefined, err: () => undefined }, options);
}

let lost = false;

/** A reader such as `head` may go away before the end, which is no fault; a full disk is one. */
function heard(error: NodeJS.ErrnoException): void {
  if (error.code === "EPIPE") return;
  lost = true;
  process.exitCode = 2;
}

async function run(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  let code: ExitCode = 0;
  try {
    await createProgram(io, version(), (result) => {
      code = result;
    }).parseAsync(argv as string[], { from: "user" });
    return code;
  } catch (reason) {
    // Help and version that were asked for end in an error of commander's with exit code 0.
    if (reason instanceof CommanderError) return reason.exitCode === 0 ? 0 : 2;
    io.err(`helsekontakt: ${describeFault(reason)}\n`);
    return 2;
  }
}

function version(): string {
  const { version: own } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return own;
}
