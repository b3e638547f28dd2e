import { HelsekontaktError, type Issue } from "@helsekontakt/core";
import { parseFhirJson } from "@helsekontakt/types/fhir";
import {
  type BundleFrame,
  type BundleTold,
  contentFault,
  type EntryReading,
  issueOf,
  type Json,
  maxPiece,
  type OpenChunks,
  tooLarge,
} from "./bundle-form.ts";
import { BundleSplitter, type Piece, type SplitFault } from "./bundle-splitter.ts";
import { jsonLines } from "./fhir-lines.ts";
import { checkLevels } from "./files.ts";
import type { LineProgress } from "./validate-lines.ts";

type Members = ReadonlyMap<string, { readonly text: string; readonly line: number }>;

/** A Bundle in JSON, see {@link BundleForm}. */
export async function jsonBundle(
  open: OpenChunks,
  entry: (value: unknown, index: number) => void,
  onProgress: (bytes: number) => void,
): Promise<BundleFrame | readonly Issue[] | undefined> {
  const members = new Map<string, { text: string; line: number }>();
  let twice: SplitFault | undefined;
  const splitter = new BundleSplitter(
    {
      member(name, { bytes, line }) {
        if (members.has(name)) twice ??= { line, reason: "broken" };
        members.set(name, { text: textOf(bytes), line });
      },
      entry: ({ bytes }, index) => entry(parsed(textOf(bytes)), index),
    },
    maxPiece,
  );
  for await (const chunk of open()) {
    splitter.write(chunk);
    onProgress(splitter.bytes);
  }
  splitter.end();
  const fault = splitter.fault ?? twice;
  if (fault !== undefined) return fault.reason === "not-an-object" ? undefined : [faultIssue(fault)];
  return new JsonFrame(members, splitter);
}

class JsonFrame implements BundleFrame {
  readonly bundle: Json;
  readonly entries: number;
  readonly line: number;
  readonly entriesLine: number;
  readonly #members: Members;
  readonly #others: string;

  constructor(members: Members, { entries, line, entriesLine }: BundleSplitter) {
    this.entries = entries;
    this.line = line;
    this.entriesLine = entriesLine ?? line;
    this.#members = members;
    this.bundle = Object.fromEntries(
      ["resourceType", "type", "meta"].map((name) => [name, parsed(members.get(name)?.text)]),
    );
    // On one line, so that the lines of an entry are counted from its own first one.
    this.#others = [...members].map(([name, { text }]) => `${JSON.stringify(name)}:${onOneLine(text)},`).join("");
  }

  empty(): EntryReading {
    return this.#read(`{${this.#others.slice(0, -1)}}`, 1);
  }

  async each(open: OpenChunks, to: BundleTold, onProgress: (progress: LineProgress) => void): Promise<void> {
    const splitter = new BundleSplitter(
      { member: () => undefined, entry: (piece, index) => to.entry(this.#entry(piece), index) },
      maxPiece,
    );
    for await (const chunk of open()) {
      splitter.write(chunk);
      onProgress({ resources: splitter.entries, bytes: splitter.bytes });
    }
  }

  #entry({ bytes, line }: Piece): EntryReading {
    const text = textOf(bytes);
    const value = parsed(text);
    if (typeof value === "object" && value !== null) return this.#read(`{${this.#others}"entry":[${text}]}`, line);
    return unread({ ...faultIssue({ line, reason: "broken" }), path: "Bundle.entry[0]" });
  }

  #read(text: string, line: number): EntryReading {
    let resource: unknown;
    try {
      checkLevels(text);
      resource = parseFhirJson(text);
    } catch (reason) {
      return unread({ ...contentFault(reason), line: 1 });
    }
    return {
      resource,
      issues: [],
      placed: (issues) => {
        if (issues.length === 0) return issues;
        const lines = jsonLines(
          text,
          issues.map((i) => i.path),
        );
        return issues.map((issue) => ({ ...issue, line: this.#lineOf(issue.path, line, lines.get(issue.path) ?? 1) }));
      },
    };
  }

  #lineOf(path: string, first: number, line: number): number {
    if (path.startsWith("Bundle.entry[")) return first + line - 1;
    if (path.startsWith("Bundle.entry")) return this.entriesLine;
    const name = path.split(/[.[]/, 2)[1] ?? "";
    const member = this.#members.get(name);
    if (member === undefined) return this.line;
    return member.line + (jsonLines(`{${JSON.stringify(name)}:${member.text}}`, [path]).get(path) ?? 1) - 1;
  }
}

function unread(issue: Issue): EntryReading {
  return { resource: undefined, issues: [issue], placed: (issues) => issues };
}

/** JSON has line ends between its parts only. */
function onOneLine(json: string): string {
  return json.replaceAll(/[\r\n]/g, " ");
}

/** Bytes that are not UTF-8 are no JSON either. */
function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return "";
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function faultIssue({ reason, line }: SplitFault): Issue {
  if (reason === "too-large") return tooLarge(line);
  return issueOf(new HelsekontaktError("fhir/not-readable", "expected JSON, found a text that is none"), line);
}
