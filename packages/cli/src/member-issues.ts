import { closeSync, openSync, writeSync } from "node:fs";
import type { MemberFileIssue, MemberInputIssue } from "@helsekontakt/sdk";
import type { CliIo } from "./io.ts";

/** Findings of one kind that are shown; all of them go into the file. */
const SHOWN = 10;
/** Characters that wait to be written together. */
const HELD = 64 * 1024;

/**
 * Findings about the lines of a member file: shown while they are few, counted, and written to a file in full. The file is
 * written before the reading goes on: a stream would keep what a file of millions of bad lines has told so far, as the
 * reader tells many of them in one turn and cannot wait.
 */
export class IssueList {
  readonly #io: CliIo;
  #file: number | undefined;
  #held = "line,level,problem,message\n";
  #failed = false;
  readonly #counts = new Map<string, number>();
  /** Lines that the reader left out. */
  errors = 0;

  constructor(io: CliIo, file: string | undefined) {
    this.#io = io;
    if (file === undefined) return;
    try {
      this.#file = openSync(file, "w");
    } catch {
      this.#failed = true;
    }
  }

  /** @param leftOut - the reader gave nothing for the line. */
  add(issue: MemberFileIssue | MemberInputIssue, leftOut: boolean): void {
    if (leftOut && !this.#counted(issue.line)) this.errors++;
    const count = (this.#counts.get(issue.problem) ?? 0) + 1;
    this.#counts.set(issue.problem, count);
    const { line, level, problem, message } = issue;
    if (count <= SHOWN) this.#io.err(`line ${line}: ${level} ${problem}: ${message}\n`);
    if (this.#file === undefined) return;
    this.#held += `${line},${level},${problem},"${message.replaceAll('"', '""')}"\n`;
    if (this.#held.length >= HELD) this.#write(this.#file);
  }

  #last = 0;

  /** A line may have several findings; they come together. */
  #counted(line: number): boolean {
    const again = line === this.#last;
    this.#last = line;
    return again;
  }

  /** A file that cannot be written to does not end the run; that is told at its end. */
  #write(file: number): void {
    const bytes = Buffer.from(this.#held);
    this.#held = "";
    if (this.#failed) return;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    } catch {
      this.#failed = true;
    }
  }

  close(): void {
    for (const [problem, count] of this.#counts)
      if (count > SHOWN) this.#io.err(`${count - SHOWN} more of ${problem}\n`);
    if (this.#file !== undefined) {
      this.#write(this.#file);
      closeSync(this.#file);
      this.#file = undefined;
    }
    if (this.#failed) this.#io.err("The file of issues could not be written\n");
  }
}
