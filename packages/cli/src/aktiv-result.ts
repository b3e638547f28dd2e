import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { HelsekontaktError, holdLockFile } from "@helsekontakt/core";
import type { AnsweredCitizen } from "@helsekontakt/rest-client";

const columns = [
  "fnr",
  "reach",
  "rule",
  "omraade",
  "erDigitaltAktivSelv",
  "erDigitaltAktivViaAndre",
  "tildeltFullmakt",
  "line",
];
/** First line of a result, without its end. */
export const resultHeader: string = columns.join(",");
/** Milliseconds after which what was written is forced to the disk. */
const syncMs = 1_000;

/**
 * A result that is added to only, a line per citizen who was answered for. It is its own record of how far the run has
 * come: what stands in it whole is not asked for again, and half a line at its end, of a run that was killed, is taken
 * off.
 */
export class ResultFile {
  readonly #file: FileHandle;
  readonly #omraade: string;
  /** Citizens by reach, those of earlier runs among them. */
  readonly counts: Record<string, number>;
  /** Numbers that stood in it when it was opened, in order of size. */
  readonly #before: Float64Array;
  readonly #unlock: () => Promise<void>;
  #synced = performance.now();

  private constructor(
    file: FileHandle,
    unlock: () => Promise<void>,
    omraade: string,
    counts: Record<string, number>,
    before: Float64Array,
  ) {
    this.#file = file;
    this.#unlock = unlock;
    this.#omraade = omraade;
    this.counts = counts;
    this.#before = before;
  }

  /**
   * Opens a result to go on with it, or begins one; only its owner may read it. A lock file beside it keeps a second run
   * off: two would ask for the same citizens, and each cut the other's half written line.
   *
   * @param restart - throw away what stands in it, if it is a result.
   * @throws {HelsekontaktError} `input/invalid` when there is something else, a result for another area, no access, or
   *   another run at work on it
   */
  static async open(path: string, omraade: string, restart: boolean): Promise<ResultFile> {
    const unlock = await holdLockFile(`${path}.lock`, {
      busy: () =>
        new HelsekontaktError("input/invalid", `expected a result that no other run is writing at ${path}, found one`, {
          hint: `wait for it, or name another --out; a run that was killed is found out by ${path}.lock`,
        }),
      unusable: (code) => cannotWrite(path, { code }),
    });
    let file: FileHandle;
    try {
      file = await open(path, "a+", 0o600);
    } catch (error) {
      await unlock();
      throw cannotWrite(path, error);
    }
    try {
      const { whole, numbers, counts } = await scan(path, restart ? undefined : omraade);
      await file.truncate(restart ? 0 : whole);
      if (restart || whole === 0) await file.appendFile(`${resultHeader}\n`);
      return new ResultFile(
        file,
        unlock,
        omraade,
        restart ? {} : counts,
        restart ? new Float64Array(0) : numbers.sort(),
      );
    } catch (error) {
      await file.close();
      await unlock();
      throw error;
    }
  }

  /** How many citizens were answered for by earlier runs. */
  get earlier(): number {
    return this.#before.length;
  }

  /** True for a number that stood in it when it was opened. */
  has(fnr: string): boolean {
    const wanted = fnr.length === 11 ? Number(fnr) : Number.NaN;
    let [low, high] = [0, this.#before.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#before[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return this.#before[low] === wanted;
  }

  /** Adds citizens. When it resolves, the lines survive the end of this process; after a second also that of the machine. */
  async add(citizens: readonly AnsweredCitizen[]): Promise<void> {
    if (citizens.length === 0) return;
    let text = "";
    for (const citizen of citizens) {
      this.counts[citizen.reach] = (this.counts[citizen.reach] ?? 0) + 1;
      text += rowOf(citizen, this.#omraade);
    }
    await this.#file.appendFile(text);
    if (performance.now() - this.#synced < syncMs) return;
    await this.#file.datasync();
    this.#synced = performance.now();
  }

  async close(): Promise<void> {
    try {
      await this.#file.sync();
      await this.#file.close();
    } finally {
      await this.#unlock();
    }
  }
}

function cannotWrite(path: string, original: unknown): HelsekontaktError {
  return new HelsekontaktError("input/invalid", `expected a file that can be written at ${path}, found none`, {
    hint: "check the path, and that you may write there",
    original,
  });
}

/** One line of a result. */
export function rowOf({ fnr, reach, rule, status, line }: AnsweredCitizen, omraade: string): string {
  const flags = [status?.erDigitaltAktivSelv, status?.erDigitaltAktivViaAndre, status?.tildeltFullmakt];
  return `${[fnr.reveal(), reach, rule, omraade, ...flags.map((f) => f ?? ""), line ?? ""].join(",")}\n`;
}

/**
 * Reads a result line by line.
 *
 * @param omraade - which it has to be for; not looked at when undefined.
 * @returns the bytes up to the end of its last whole line, and what stands in them.
 */
async function scan(
  path: string,
  omraade: string | undefined,
): Promise<{ whole: number; numbers: Float64Array; counts: Record<string, number> }> {
  let numbers = new Float64Array(1_024);
  let [count, line, whole, rest] = [0, 0, 0, ""];
  const counts: Record<string, number> = {};
  for await (const part of createReadStream(path, { encoding: "latin1", highWaterMark: 256 * 1024 })) {
    const lines = (rest + String(part)).split("\n");
    rest = lines.pop() ?? "";
    for (const text of lines) {
      line++;
      whole += text.length + 1;
      if (line === 1) {
        if (text !== resultHeader) throw another(path);
        continue;
      }
      const [fnr = "", reach = "", , area] = text.split(",", 4);
      if (!/^\d{11}$/.test(fnr) || reach === "") throw another(path, line);
      if (omraade !== undefined && area !== omraade)
        throw new HelsekontaktError(
          "input/invalid",
          `expected a result for ${omraade} at ${path}, found another area`,
          {
            hint: "name another --out, or begin anew with --restart",
          },
        );
      counts[reach] = (counts[reach] ?? 0) + 1;
      if (count === numbers.length) {
        const larger = new Float64Array(count * 2);
        larger.set(numbers);
        numbers = larger;
      }
      numbers[count++] = Number(fnr);
    }
    if (line === 0 && rest.length > resultHeader.length) throw another(path);
  }
  // A run that was killed at its very beginning has left a part of the first line.
  if (line === 0 && !resultHeader.startsWith(rest)) throw another(path);
  return { whole, numbers: numbers.slice(0, count), counts };
}

function another(path: string, line = 1): HelsekontaktError {
  return new HelsekontaktError(
    "input/invalid",
    `expected a result of this command, or no file, at ${path}, found something else (line ${line})`,
    { hint: "name another --out: nothing is written over a file that this command has not made", context: { line } },
  );
}
