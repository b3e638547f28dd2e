import { HelsekontaktError } from "@helsekontakt/core";

/** Where the demo writes: one readable line a step, then a table. Ids, counts and sizes only. */
export class Report {
  readonly #write: (line: string) => void;
  readonly #rows: {
    readonly system: string;
    readonly outcome: string;
    readonly messages: number;
    readonly ms: number;
  }[] = [];
  #started = 0;
  #system = "";

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  begin(number: number, system: string): void {
    this.#system = system;
    this.#started = Date.now();
    this.#write(`\n${number}. ${system}`);
  }

  step(text: string): void {
    this.#write(`   ${text}`);
  }

  /** States what must hold at this point; the demo stops where it does not. */
  expect(ok: boolean, expected: string, found: string): void {
    if (!ok) throw new HelsekontaktError("internal/unknown", `expected ${expected}, found ${found}`);
  }

  end(outcome: string, messages: number): void {
    this.#rows.push({ system: this.#system, outcome, messages, ms: Date.now() - this.#started });
  }

  table(): void {
    const width = Math.max(...this.#rows.map((r) => r.system.length));
    const outcome = Math.max(...this.#rows.map((r) => r.outcome.length));
    this.#write(`\n${"System".padEnd(width)}  ${"Outcome".padEnd(outcome)}  On the wire  Time`);
    for (const row of this.#rows)
      this.#write(
        `${row.system.padEnd(width)}  ${row.outcome.padEnd(outcome)}  ${String(row.messages).padStart(11)}  ${String(row.ms).padStart(4)} ms`,
      );
  }
}

/** `4 731 B` below 10 KB, else `12.3 KB`. */
export function size(bytes: number): string {
  return bytes < 10_240 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KB`;
}

/** The first eight characters of an id: enough to find it in the files. */
export function short(id: string): string {
  return id.slice(0, 8);
}
