import { deflateRawSync, inflateRawSync } from "node:zlib";
import { HelsekontaktError } from "@helsekontakt/core";

const pageBits = 16;
const pageBytes = 1 << (pageBits - 3);
/** Bytes of a mark, unpacked: some four million HER-ids far apart. */
const maxMark = 16 * 1024 * 1024;

/**
 * HER-ids by one bit each, in pages of 65,536: what a whole register needs is some megabyte.
 *
 * @internal
 */
export class HerIdSet {
  readonly #pages = new Map<number, Uint8Array>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(herId: number): boolean {
    const byte = this.#pages.get(herId >>> pageBits)?.[(herId & 0xffff) >>> 3] ?? 0;
    return (byte & (1 << (herId & 7))) !== 0;
  }

  add(herId: number): void {
    if (this.has(herId)) return;
    const key = herId >>> pageBits;
    let page = this.#pages.get(key);
    if (page === undefined) {
      page = new Uint8Array(pageBytes);
      this.#pages.set(key, page);
    }
    const at = (herId & 0xffff) >>> 3;
    page[at] = (page[at] ?? 0) | (1 << (herId & 7));
    this.#size++;
  }

  /** The set as text, to be kept: differences between the ids in order, packed. */
  toMark(): string {
    const bytes: number[] = [];
    let last = 0;
    for (const [key, page] of [...this.#pages].sort(([a], [b]) => a - b))
      for (const [index, byte] of page.entries())
        for (let bit = 0; byte >>> bit > 0; bit++) {
          if ((byte & (1 << bit)) === 0) continue;
          const herId = key * 65_536 + index * 8 + bit;
          let rest = herId - last;
          last = herId;
          for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
          bytes.push(rest);
        }
    return `1.${deflateRawSync(Uint8Array.from(bytes)).toString("base64url")}`;
  }

  /** @throws {HelsekontaktError} `input/invalid` */
  static fromMark(mark: string): HerIdSet {
    const set = new HerIdSet();
    try {
      if (!mark.startsWith("1.")) throw new RangeError("another version");
      let [herId, value, factor] = [0, 0, 1];
      for (const byte of inflateRawSync(Buffer.from(mark.slice(2), "base64url"), { maxOutputLength: maxMark })) {
        value += (byte & 127) * factor;
        factor *= 128;
        if (byte > 127) continue;
        herId += value;
        if (herId > 2_147_483_647) throw new RangeError("no HER-id");
        set.add(herId);
        [value, factor] = [0, 1];
      }
      return set;
    } catch (original) {
      throw new HelsekontaktError("input/invalid", "expected the mark of an earlier export, found something else", {
        original,
      });
    }
  }
}
