import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HelsekontaktError } from "@helsekontakt/core";

/**
 * Writes what went over the wire into a folder, numbered in the order of the exchange, so that a person can look at real
 * XML, CMS and JSON. Everything in the sandbox is synthetic; with real persons nothing of the kind may exist.
 */
export class Capture {
  readonly #dir: string | undefined;
  #count = 0;
  #writing: Promise<unknown> = Promise.resolve();
  #failure: unknown;

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
    // A folder that takes no files is told by `flush`; the exchange itself goes on.
    this.#writing = this.#writing.catch((reason: unknown) => {
      this.#failure ??= reason;
    });
  }

  /**
   * Resolves when everything is on disk; how many exchanges there were.
   *
   * @throws {HelsekontaktError} `config/invalid` when the folder has not taken a file, in every call
   */
  async flush(): Promise<number> {
    await this.#writing;
    if (this.#failure !== undefined)
      throw new HelsekontaktError(
        "config/invalid",
        "expected the folder of the exchanges to take files, found it does not",
        {
          hint: "check that it is a folder, that it may be written to, and that the disk has space",
          original: this.#failure,
        },
      );
    return this.#count;
  }
}
