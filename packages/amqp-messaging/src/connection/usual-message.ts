/** The sections of a message that is encoded as messages of this protocol usually are. */
export interface UsualMessage {
  readonly header: readonly unknown[];
  readonly annotations: ReadonlyMap<string, unknown>;
  readonly properties: readonly unknown[];
  readonly applicationProperties: ReadonlyMap<string, unknown>;
  /** A view of the one data section; undefined when there is none. */
  readonly body: Buffer | undefined;
}

/** More than any message of this protocol has; what has more is checked the long way. */
const mostItems = 250;
const none: readonly unknown[] = [];
const noEntries: ReadonlyMap<string, unknown> = new Map();
/** Thrown for what is not usual: one object, for that costs nothing. */
const unusual = new Error("not a usual message");

/**
 * @internal Reads a message in one walk when each of its sections is there once at most, in the short form, with texts,
 * small numbers, truth values, times, and ids in them: what brokers and partners write. Undefined for any other, malformed ones
 * included, which `checkEncoding` and rhea judge: what is read here reads the same there, at several times the cost.
 *
 * @see AMQP 1.0, part 3, section 3.2 Message Format
 */
export function readUsualMessage(bytes: Buffer): UsualMessage | undefined {
  try {
    return new Reader(bytes).message();
  } catch (error) {
    if (error === unusual) return undefined;
    throw error;
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  message(): UsualMessage {
    const bytes = this.#bytes;
    let header: readonly unknown[] | undefined;
    let annotations: ReadonlyMap<string, unknown> | undefined;
    let properties: readonly unknown[] | undefined;
    let applicationProperties: ReadonlyMap<string, unknown> | undefined;
    let body: Buffer | undefined;
    while (this.#at < bytes.length) {
      if (bytes[this.#at] !== 0x00 || bytes[this.#at + 1] !== 0x53) throw unusual;
      const section = bytes[this.#at + 2];
      this.#at += 3;
      if (section === 0x70 && header === undefined) header = this.#list();
      else if (section === 0x72 && annotations === undefined) annotations = this.#map();
      else if (section === 0x73 && properties === undefined) properties = this.#list();
      else if (section === 0x74 && applicationProperties === undefined) applicationProperties = this.#map();
      else if (section === 0x75 && body === undefined) body = this.#data();
      else throw unusual;
    }
    return {
      header: header ?? none,
      annotations: annotations ?? noEntries,
      properties: properties ?? none,
      applicationProperties: applicationProperties ?? noEntries,
      body,
    };
  }

  #list(): readonly unknown[] {
    const code = this.#bytes[this.#at++];
    if (code === 0x45) return none;
    if (code !== 0xc0 && code !== 0xd0) throw unusual;
    const stop = this.#stop(code === 0xd0);
    const count = this.#count(code === 0xd0, stop);
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) items.push(this.#value(stop));
    if (this.#at !== stop) throw unusual;
    return items;
  }

  #map(): ReadonlyMap<string, unknown> {
    const code = this.#bytes[this.#at++];
    if (code !== 0xc1 && code !== 0xd1) throw unusual;
    const stop = this.#stop(code === 0xd1);
    const count = this.#count(code === 0xd1, stop);
    if (count % 2 !== 0) throw unusual;
    const entries = new Map<string, unknown>();
    for (let i = 0; i < count; i += 2) {
      const key = this.#value(stop);
      // In rhea's object these would have another place, or none; whether one may stand twice is judged elsewhere.
      if (typeof key !== "string" || key === "__proto__" || /^\d/.test(key) || entries.has(key)) throw unusual;
      entries.set(key, this.#value(stop));
    }
    if (this.#at !== stop) throw unusual;
    return entries;
  }

  #data(): Buffer {
    const code = this.#bytes[this.#at++];
    if (code !== 0xa0 && code !== 0xb0) throw unusual;
    return this.#bytesOf(this.#number(code === 0xb0, this.#bytes.length), this.#bytes.length);
  }

  #value(stop: number): unknown {
    const bytes = this.#bytes;
    if (this.#at >= stop) throw unusual;
    const code = bytes[this.#at++];
    switch (code) {
      case 0x40:
        return null;
      case 0x41:
        return true;
      case 0x42:
        return false;
      case 0x43:
      case 0x44:
        return 0;
      case 0x50:
      case 0x52:
      case 0x53:
        if (this.#at >= stop) throw unusual;
        return bytes[this.#at++];
      case 0x70:
        return this.#number(true, stop);
      case 0x83:
        return this.#time(stop);
      case 0x98:
        return this.#bytesOf(16, stop);
      case 0xa0:
      case 0xb0:
        return this.#bytesOf(this.#number(code === 0xb0, stop), stop);
      case 0xa1:
      case 0xb1:
        return this.#text("utf8", code === 0xb1, stop);
      case 0xa3:
      case 0xb3:
        return this.#text("ascii", code === 0xb3, stop);
      default:
        throw unusual;
    }
  }

  #time(stop: number): Date {
    const at = this.#at;
    this.#at += 8;
    if (this.#at > stop) throw unusual;
    const high = this.#bytes.readInt32BE(at);
    // Not before 1970, and within what a double tells exactly.
    if (high < 0 || high > 0x1f_ffff) throw unusual;
    return new Date(high * 2 ** 32 + this.#bytes.readUInt32BE(at + 4));
  }

  #bytesOf(size: number, stop: number): Buffer {
    const from = this.#at;
    this.#at += size;
    if (this.#at > stop) throw unusual;
    return this.#bytes.subarray(from, this.#at);
  }

  #text(encoding: "utf8" | "ascii", wide: boolean, stop: number): string {
    const size = this.#number(wide, stop);
    const from = this.#at;
    this.#at += size;
    if (this.#at > stop) throw unusual;
    return this.#bytes.toString(encoding, from, this.#at);
  }

  /** Reads a size; answers where what it counts ends. */
  #stop(wide: boolean): number {
    const size = this.#number(wide, this.#bytes.length);
    const stop = this.#at + size;
    if (stop > this.#bytes.length) throw unusual;
    return stop;
  }

  #count(wide: boolean, stop: number): number {
    const count = this.#number(wide, stop);
    if (count > mostItems) throw unusual;
    return count;
  }

  #number(wide: boolean, stop: number): number {
    const at = this.#at;
    this.#at += wide ? 4 : 1;
    if (this.#at > stop) throw unusual;
    return wide ? this.#bytes.readUInt32BE(at) : (this.#bytes[at] ?? 0);
  }
}
