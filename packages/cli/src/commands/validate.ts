import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { HelsekontaktError } from "@helsekontakt/core";
import { fhirNamespace } from "@helsekontakt/types/fhir";
import type { ExitCode, CliIo } from "../io.ts";
import { faultOf } from "../faults.ts";
import { printJson } from "../io.ts";
import { checkReadable, formOf, isLineFile, readInput, rootOf } from "../files.ts";
import {
  type FhirOptions,
  type FileVerdict,
  unreadable,
  validateBundleFile,
  validateFile,
  validateLineStream,
} from "../validate-file.ts";
import type { LineProgress } from "../validate-lines.ts";

/** Milliseconds between two lines of progress. */
const progressEvery = 2_000;

export interface ValidateOptions {
  readonly json?: boolean;
  readonly profile?: string;
  /** Path of a module with a `validator`, as `gen:fhir` writes it and a compiler makes JavaScript of. */
  readonly profiles?: string;
}

/**
 * `helsekontakt validate`: one verdict a file, one file in memory at a time; of a file of lines, one line.
 *
 * @returns 2 when a file could not be read, else 1 when one is not valid.
 * @throws {HelsekontaktError} `input/invalid` when the profile is not in the build or does not fit the file; with `json`
 *   this stands in the file's entry instead. So
 *   when the module of `profiles` cannot be loaded.
 */
export async function validate(files: readonly string[], options: ValidateOptions, io: CliIo): Promise<ExitCode> {
  let profiles: FhirOptions["profiles"];
  try {
    if (options.profiles !== undefined) profiles = await profilesOf(options.profiles);
  } catch (reason) {
    if (options.json !== true) throw reason;
    printJson(
      io,
      files.map((file) => unreadable(file, reason)),
    );
    return 2;
  }
  let code: ExitCode = 0;
  const verdicts: FileVerdict[] = [];
  for (const file of files) {
    const verdict = await judge(file, options, profiles, io);
    if (verdict.unread) code = 2;
    else if (!verdict.valid && code === 0) code = 1;
    const { unread: _, ...printed } = verdict;
    if (options.json === true) verdicts.push(printed);
    else io.out(human(printed));
  }
  if (options.json === true) printJson(io, verdicts);
  return code;
}

async function judge(
  file: string,
  options: ValidateOptions,
  profiles: FhirOptions["profiles"],
  io: CliIo,
): Promise<FileVerdict & { readonly unread: boolean }> {
  const lines = isLineFile(file);
  let bytes: Buffer | undefined;
  try {
    // Lines are read as they come; their file may have any size.
    if (lines) await checkReadable(file);
    else bytes = await readInput(file);
  } catch (reason) {
    const large = faultOf(reason).code === "input/too-large";
    try {
      const streamed = large ? await judgeLarge(file, options.profile, profiles, io) : undefined;
      if (streamed !== undefined) return { ...streamed, unread: false };
    } catch (fault) {
      if (options.json !== true) throw fault;
      return { ...unreadable(file, fault), unread: true };
    }
    if (!large) return { ...unreadable(file, reason), unread: true };
    return { ...unreadable(file, await tooLarge(file, reason)), unread: false };
  }
  const { profile } = options;
  try {
    const verdict =
      bytes === undefined
        ? await validateLineStream(file, createReadStream(file), {
            profile,
            profiles,
            onProgress: progressTo(io, file),
          })
        : validateFile(file, bytes, { profile, profiles });
    return { ...verdict, unread: false };
  } catch (reason) {
    // For people, a fault of the call ends it; machines get an entry for every file.
    if (options.json !== true) throw reason;
    return { ...unreadable(file, reason), unread: true };
  }
}

async function judgeLarge(
  file: string,
  profile: string | undefined,
  profiles: FhirOptions["profiles"],
  io: CliIo,
): Promise<FileVerdict | undefined> {
  const form = formOf(file, await readHead(file)) === "xml" ? "xml" : "json";
  const onProgress = progressTo(io, file);
  return validateBundleFile(file, form, () => createReadStream(file), { profile, profiles, onProgress });
}

/** The validator that a module exports. */
async function profilesOf(path: string): Promise<NonNullable<FhirOptions["profiles"]>> {
  const hint = "compile what gen:fhir has written to JavaScript, and name its index.js";
  let module: { readonly validator?: Partial<NonNullable<FhirOptions["profiles"]>> };
  try {
    module = (await import(pathToFileURL(resolve(path)).href)) as typeof module;
  } catch (reason) {
    const code = String((reason as { code?: unknown } | null)?.code ?? "no code");
    throw new HelsekontaktError("input/invalid", `expected a module for --profiles, found none that loads: ${code}`, {
      hint,
    });
  }
  const { validator } = module;
  if (typeof validator?.validate === "function") return validator as NonNullable<FhirOptions["profiles"]>;
  throw new HelsekontaktError("input/invalid", "expected a validator from the module of --profiles, found none", {
    hint,
  });
}

/** The refusal of a large file, with what to do about it. */
async function tooLarge(file: string, reason: unknown): Promise<HelsekontaktError> {
  const head = await readHead(file);
  const isXml = formOf(file, head) === "xml";
  // The last character may be cut off.
  const root = isXml ? rootOf(head.subarray(0, head.lastIndexOf(">") + 1)) : undefined;
  const isFhir = root === undefined || root.ns === fhirNamespace;
  const lines = "write its resources as lines of JSON into a .ndjson file, which may have any size";
  const advice = !isFhir
    ? "a message is judged whole, so send its attachments in several"
    : `of this size only a Bundle is judged, other than documents and messages, so ${lines}`;
  return new HelsekontaktError("input/too-large", `${faultOf(reason).message}: ${advice}`, { original: reason });
}

/** Enough of a file to see what it is. */
async function readHead(file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(file, { end: 64 * 1024 - 1 })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A line now and then, so that a long run is seen to move. */
function progressTo(io: CliIo, file: string): (progress: LineProgress) => void {
  let next = Date.now() + progressEvery;
  return ({ resources, bytes }) => {
    if (Date.now() < next) return;
    next = Date.now() + progressEvery;
    io.err(`${file}: ${resources} resources, ${Math.round(bytes / 1_048_576)} MiB so far\n`);
  };
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
