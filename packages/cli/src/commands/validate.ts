import type { ExitCode, CliIo } from "../io.ts";
import { faultOf } from "../faults.ts";
import { printJson } from "../io.ts";
import { readInput } from "../files.ts";
import { type FileVerdict, unreadable, validateFile } from "../validate-file.ts";

export interface ValidateOptions {
  readonly json?: boolean;
  readonly profile?: string;
}

/**
 * `helsekontakt validate`: one verdict a file, one file in memory at a time.
 *
 * @returns 2 when a file could not be read, else 1 when one is not valid.
 * @throws {HelsekontaktError} `input/invalid` when the profile is not in this build or does not fit the file; with `json`
 *   this stands in the file's entry instead.
 */
export async function validate(files: readonly string[], options: ValidateOptions, io: CliIo): Promise<ExitCode> {
  let code: ExitCode = 0;
  const verdicts: FileVerdict[] = [];
  for (const file of files) {
    const verdict = await judge(file, options);
    if (verdict.unread) code = 2;
    else if (!verdict.valid && code === 0) code = 1;
    const { unread: _, ...printed } = verdict;
    if (options.json === true) verdicts.push(printed);
    else io.out(human(printed));
  }
  if (options.json === true) printJson(io, verdicts);
  return code;
}

async function judge(file: string, options: ValidateOptions): Promise<FileVerdict & { readonly unread: boolean }> {
  let bytes: Buffer;
  try {
    bytes = await readInput(file);
  } catch (reason) {
    return { ...unreadable(file, reason), unread: faultOf(reason).code !== "input/too-large" };
  }
  try {
    return { ...validateFile(file, bytes, { profile: options.profile }), unread: false };
  } catch (reason) {
    // For people, a fault of the call ends it; machines get an entry for every file.
    if (options.json !== true) throw reason;
    return { ...unreadable(file, reason), unread: true };
  }
}

function human({ file, kind, valid, issues }: FileVerdict): string {
  const warnings = issues.filter((i) => i.level === "warning").length;
  const errors = issues.length - warnings;
  const counts = issues.length === 0 ? "" : `, ${plural(errors, "error")}, ${plural(warnings, "warning")}`;
  const lines = issues.map((i) => {
    const place = `${i.path || "/"}${i.line === null ? "" : `:${i.line}`}`;
    return `  ${i.level} ${place}  ${i.message} (${i.rule})\n`;
  });
  return `${file}: ${kind}, ${valid ? "valid" : "not valid"}${counts}\n${lines.join("")}`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
