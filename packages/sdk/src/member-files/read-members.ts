import { createReadStream } from "node:fs";
import { HelsekontaktError } from "@helsekontakt/core";
import { decodeText, type TextLine, textLines } from "./lines.ts";
import { columnFinder, memberReader, type RawMember } from "./member-row.ts";
import type { MemberColumn, MemberFileOptions, MemberLine } from "./types.ts";

/** Where a member file comes from: a stream of bytes or text, such as `process.stdin` or a response's body. */
export type MemberSource = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/**
 * Reads members and periods from CSV or NDJSON, line by line: memory does not depend on the length of the file. A line
 * that cannot be used is told to `onIssue` by its number and left out; the others go on.
 *
 * @throws {HelsekontaktError} `input/invalid` for a header that is not that of a member file or an encoding that is none,
 *   `abort/cancelled`
 */
export async function* readMembers(source: MemberSource, options: MemberFileOptions = {}): AsyncGenerator<MemberLine> {
  const read = memberReader(options);
  // Loaded when a file is read: with the library behind it.
  const { CsvRows } = await import("./csv.ts");
  const csv = new CsvRows(options);
  const json = ndjsonRows(options);
  let { format } = options;
  for await (const lines of textLines(decodeText(source, options.encoding), options.signal)) {
    format ??= formatOf(lines);
    if (format === undefined) continue;
    for (const [line, raw] of format === "csv" ? csv.rows(lines) : json(lines)) {
      const member = read(line, raw);
      if (member !== undefined) yield member;
    }
  }
  if (format === "ndjson") return;
  for (const [line, raw] of csv.end()) {
    const member = read(line, raw);
    if (member !== undefined) yield member;
  }
}

/**
 * Reads a member file by its path; as {@link readMembers}.
 *
 * @throws {HelsekontaktError} `input/invalid` also when the file cannot be read
 */
export async function* readMemberFile(path: string, options: MemberFileOptions = {}): AsyncGenerator<MemberLine> {
  const named = /\.(?:ndjson|jsonl)$/i.test(path) ? { format: "ndjson" as const } : {};
  const stream = createReadStream(path, { highWaterMark: 256 * 1024 });
  try {
    yield* readMembers(stream, { ...named, ...options });
  } catch (reason) {
    if (reason instanceof HelsekontaktError || !(reason instanceof Error) || !("code" in reason)) throw reason;
    throw new HelsekontaktError("input/invalid", "expected a readable member file, found none", {
      hint: "check the path, and that it is a file that you may read",
      context: { reason: String(reason.code) },
    });
  } finally {
    stream.destroy();
  }
}

function formatOf(lines: readonly TextLine[]): "csv" | "ndjson" | undefined {
  const first = lines.find((l) => l.text.trim() !== "");
  return first === undefined ? undefined : first.text.trimStart().startsWith("{") ? "ndjson" : "csv";
}

function ndjsonRows(
  options: MemberFileOptions,
): (lines: readonly TextLine[]) => Generator<readonly [line: number, raw: RawMember]> {
  const find = columnFinder(options.columns);
  const fault = (line: number, message: string): void =>
    options.onIssue?.({ line, level: "error", problem: "json", message });
  return function* rows(lines) {
    for (const { line, text, tooLong } of lines) {
      if (tooLong) {
        options.onIssue?.({
          line,
          level: "error",
          problem: "too-long",
          message: "expected a line of at most 65536 characters, found a longer one",
        });
        continue;
      }
      if (text.trim() === "") continue;
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        fault(line, "expected one JSON object in the line, found other text");
        continue;
      }
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        fault(line, "expected one JSON object in the line, found another value");
        continue;
      }
      const raw: { [Column in MemberColumn]?: string } = {};
      let numeric = false;
      for (const [key, item] of Object.entries(value)) {
        const column = find(key);
        if (column === undefined || item === null) continue;
        // A number has lost its leading zero; it must be text.
        if (column === "fnr" && typeof item === "number") numeric = true;
        raw[column] = typeof item === "string" ? item : String(item);
      }
      if (numeric) fault(line, "expected the number as text in quotes, found a JSON number");
      else yield [line, raw];
    }
  };
}
