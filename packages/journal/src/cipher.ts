import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  type Hash,
  type Hmac,
  hkdfSync,
  type KeyObject,
  randomFillSync,
} from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { plainText } from "./faults.ts";
import { turn } from "./turn.ts";

/** A key for encryption at rest. */
export interface JournalKey {
  /** Stored with every row, so that rows under an older key can still be read. Not secret. */
  readonly id: string;
  /** 32 random bytes. */
  readonly secret: Uint8Array;
}

/** The key for new rows, and those that older rows may still be under. */
export interface JournalKeys extends JournalKey {
  readonly previous?: readonly JournalKey[];
}

/** Key objects: made once, they cost a third of what the same bytes cost at every row, and never print. */
interface Derived {
  readonly id: string;
  readonly seal: KeyObject;
  readonly lookup: KeyObject;
}

const version = 1;
const ivBytes = 12;
const tagBytes = 16;
const hashedAtOnce = 1024 * 1024;

/**
 * AES-256-GCM over values at rest: `version | iv | tag | ciphertext`, with the row's place as associated data, so that a
 * value cannot be moved to another row. A random 96-bit IV per value allows 2^32 values per key.
 *
 * @internal
 */
export class Cipher {
  readonly #current: Derived | undefined;
  readonly #byId = new Map<string, Derived>();

  constructor(keys: JournalKeys | undefined) {
    if (keys === undefined) return;
    for (const key of [keys, ...(keys.previous ?? [])]) {
      plainText("key.id", key.id);
      if (key.secret.length !== 32)
        throw new HelsekontaktError("config/invalid", "expected a journal key of 32 bytes, found another length", {
          context: { keyId: key.id, bytes: key.secret.length },
        });
      if (this.#byId.has(key.id))
        throw new HelsekontaktError("config/invalid", "expected every journal key to have its own id, found a second", {
          context: { keyId: key.id },
        });
      this.#byId.set(key.id, { id: key.id, seal: derive(key, "seal"), lookup: derive(key, "lookup") });
    }
    this.#current = this.#byId.get(keys.id);
  }

  /** The key of new rows; null when rows are stored in clear. */
  get keyId(): string | null {
    return this.#current?.id ?? null;
  }

  seal(value: Uint8Array, place: string): Uint8Array {
    const key = this.#current;
    if (key === undefined) return value;
    const iv = freshBytes(ivBytes);
    const cipher = createCipheriv("aes-256-gcm", key.seal, iv);
    cipher.setAAD(Buffer.from(place, "utf8"));
    const body = cipher.update(value);
    cipher.final();
    return Buffer.concat([Buffer.of(version), iv, cipher.getAuthTag(), body]);
  }

  /** @throws {HelsekontaktError} `journal/key-unknown`, `journal/corrupt` */
  open(keyId: string | null, value: Uint8Array, place: string): Uint8Array {
    if (keyId === null) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    const key = this.#key(keyId);
    const start = 1 + ivBytes + tagBytes;
    if (value.length < start || value[0] !== version) throw corrupt(place);
    const decipher = createDecipheriv("aes-256-gcm", key.seal, value.subarray(1, 1 + ivBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(place, "utf8"));
    decipher.setAuthTag(value.subarray(1 + ivBytes, start));
    try {
      const body = decipher.update(value.subarray(start));
      decipher.final();
      return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
    } catch {
      throw corrupt(place);
    }
  }

  /** Hash under the current key (plain SHA-256 without one), for looking up what is encrypted. */
  hash(label: string, value: string | Uint8Array): string {
    return digest(this.#current, label, value);
  }

  /** Hashes under every key, the current first: rows may still be under an older one. */
  hashes(label: string, value: string | Uint8Array): [current: string, ...older: string[]] {
    const inClear = digest(undefined, label, value);
    const [current, ...older] = [...this.#byId.values()].map((key) => digest(key, label, value));
    return current === undefined ? [inClear] : [current, ...older, inClear];
  }

  /** Hash under the key of a row. @throws {HelsekontaktError} `journal/key-unknown` */
  hashUnder(keyId: string | null, label: string, value: string | Uint8Array): string {
    return digest(keyId === null ? undefined : this.#key(keyId), label, value);
  }

  /** Under what rows may be: the present key first, null for in clear. */
  get keyIds(): (string | null)[] {
    return [...this.#byId.keys(), null];
  }

  /**
   * {@link Cipher.hashUnder} of what is large: the event loop has a turn after each MiB.
   *
   * @throws {HelsekontaktError} `journal/key-unknown`
   */
  async hashInTurns(keyId: string | null, label: string, value: Uint8Array): Promise<string> {
    const hash = begunDigest(keyId === null ? undefined : this.#key(keyId), label);
    for (let at = 0; at < value.length; at += hashedAtOnce) {
      hash.update(value.subarray(at, at + hashedAtOnce));
      await turn();
    }
    return hash.digest("hex");
  }

  #key(id: string): Derived {
    const key = this.#byId.get(id);
    if (key === undefined)
      throw new HelsekontaktError(
        "journal/key-unknown",
        "expected the key that the row is encrypted under, not given",
        {
          context: { keyId: id },
          hint: "give the older key in key.previous",
        },
      );
    return key;
  }
}

const pool = new Uint8Array(4_096);
let used = pool.length;

/** Random bytes, each given out once; asking the system for a few at a time costs more than to encrypt a row. @internal */
export function freshBytes(count: number): Uint8Array {
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.slice(used, used + count);
  used += count;
  return bytes;
}

function derive(key: JournalKey, use: string): KeyObject {
  return createSecretKey(
    Buffer.from(hkdfSync("sha256", key.secret, new Uint8Array(0), `helsekontakt/journal/${use}`, 32)),
  );
}

function digest(key: Derived | undefined, label: string, value: string | Uint8Array): string {
  return begunDigest(key, label).update(value).digest("hex");
}

function begunDigest(key: Derived | undefined, label: string): Hash | Hmac {
  const hash = key === undefined ? createHash("sha256") : createHmac("sha256", key.lookup);
  return hash.update(`${label}\0`);
}

/** @internal */
export function corrupt(place: string): HelsekontaktError {
  return new HelsekontaktError("journal/corrupt", "expected an authentic stored value, found a changed one", {
    context: { table: place.split(":")[0] ?? "" },
  });
}

/**
 * Opens stored rows one by one. A damaged one is told instead of failing the others; a missing key fails all,
 * because it is the configuration's fault and not the rows'.
 *
 * @throws {HelsekontaktError} `journal/key-unknown`
 * @internal
 */
export function openEach<R, T>(
  rows: readonly R[],
  open: (row: R) => T,
): { readonly opened: T[]; readonly corrupt: R[] } {
  const opened: T[] = [];
  const corrupt: R[] = [];
  for (const row of rows)
    try {
      opened.push(open(row));
    } catch (reason) {
      if (!(reason instanceof HelsekontaktError) || reason.code !== "journal/corrupt") throw reason;
      corrupt.push(row);
    }
  return { opened, corrupt };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @internal */
export function toJsonBytes(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

/** @throws {HelsekontaktError} `journal/corrupt` @internal */
export function fromJsonBytes<T>(bytes: Uint8Array, place: string): T {
  try {
    return JSON.parse(decoder.decode(bytes)) as T;
  } catch {
    throw corrupt(place);
  }
}
