import { createWriteStream, type WriteStream } from "node:fs";
import { once } from "node:events";
import type { MemberFileIssue, MemberInputIssue } from "@helsekontakt/sdk";
import type { CliIo } from "./io.ts";

/** Findings of one kind that are shown; all of them go into the file. */
const SHOWN = 10;

/** Findings about the lines of a member file: shown while they are few, counted, and written to a file in full. */
export class IssueList {
  readonly #io: CliIo;
  readonly #file: WriteStream | undefined;
  readonly #counts = new Map<string, number>();
  #failed: Error | undefined;
  /** Lines that the reader left out. */
  errors = 0;

  constructor(io: CliIo, file: string | undefined) {
    this.#io = io;
    if (file === undefined) return;
    this.#file = createWriteStream(file);
    this.#file.on("error", (error) => (this.#failed = error));
    this.#file.write("line,level,problem,message\n");
  }

  /** @param leftOut - the reader gave nothing for the line. */
  add(issue: MemberFileIssue | MemberInputIssue, leftOut: boolean): void {
    if (leftOut && !this.#counted(issue.line)) this.errors++;
    const count = (this.#counts.get(issue.problem) ?? 0) + 1;
    this.#counts.set(issue.problem, count);
    const { line, level, problem, message } = issue;
    this.#file?.write(`${line},${level},${problem},"${message.replaceAll('"', '""')}"\n`);
    if (count <= SHOWN) this.#io.err(`line ${line}: ${level} ${problem}: ${message}\n`);
  }

  #last = 0;

  /** A line may have several findings; they come together. */
  #counted(line: number): boolean {
    const again = line === this.#last;
    this.#last = line;
    return again;
  }

  async close(): Promise<void> {
    for (const [problem, count] of this.#counts)
      if (count > SHOWN) this.#io.err(`${count - SHOWN} more of ${problem}\n`);
    if (this.#file === undefined) return;
    if (this.#failed === undefined) {
      this.#file.end();
      await once(this.#file, "close");
    }
    if (this.#failed !== undefined) this.#io.err("The file of issues could not be written\n");
  }
}
