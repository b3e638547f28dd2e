import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Writes what went over the wire into a folder, numbered in the order of the exchange, so that a person can look at real
 * XML, CMS and JSON. Everything in the sandbox is synthetic; with real persons nothing of the kind may exist.
 */
export class Capture {
  readonly #dir: string | undefined;
  #count = 0;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(dir: string | undefined) {
    this.#dir = dir;
  }

  /**
   * @param name - direction and kind, e.g. `out-DIALOG_INNBYGGER_EKONTAKT`; letters, digits, `-` and `_` are kept.
   * @param files - one file for each ending, e.g. `{ "xml": …, "p7m": … }`, all under one number.
   */
  write(name: string, files: Readonly<Record<string, Uint8Array | string>>): void {
    const dir = this.#dir;
    if (dir === undefined) return;
    const number = String(++this.#count).padStart(3, "0");
    const base = `${number}-${name.replaceAll(/[^\w-]+/g, "-")}`;
    this.#writing = this.#writing.then(async () => {
      await mkdir(dir, { recursive: true });
      for (const [ending, content] of Object.entries(files)) await writeFile(join(dir, `${base}.${ending}`), content);
    });
  }

  /** Resolves when everything is on disk; how many exchanges there were. */
  async flush(): Promise<number> {
    await this.#writing;
    return this.#count;
  }
}
