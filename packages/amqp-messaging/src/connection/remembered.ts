import { createHash } from "node:crypto";
import type { Outcome } from "./outcome.ts";

/** Unsettled at the broker are at most as many as were granted; the rest is for losses one after the other. */
const mostPerCredit = 4;
const least = 1_000;

interface Known {
  readonly bodySize: number;
  readonly outcome: Outcome;
  /** It was written on the link that the message came on; whether the broker read it is not known. */
  readonly written: boolean;
}

/** Longer ids are known by their digest: a sender may make them as long as a message. */
const longestId = 200;

/** @internal A message id as a key: string, uuid and binary by their bytes, ulong by its digits. */
export function idKey(id: unknown): string | undefined {
  if (typeof id === "string") return id.length > longestId ? digestKey(id) : `s${id}`;
  if (Buffer.isBuffer(id)) return id.length > longestId ? digestKey(id) : `b${id.toString("hex")}`;
  return typeof id === "number" || typeof id === "bigint" ? `n${id}` : undefined;
}

/** @internal */
export function digestKey(bytes: string | Uint8Array): string {
  return `d${createHash("sha256").update(bytes).digest("base64")}`;
}

/**
 * @internal How messages ended here, so that a redelivery is answered without calling the handler again. A message is
 * the same one if its id and the size of its body are the same. Bounded; in memory: across a crash only an inbox knows.
 */
export class RememberedOutcomes {
  readonly #most: number;
  readonly #known = new Map<string, Known>();

  /** @param credit - messages that the broker may have handed out and not seen settled. */
  constructor(credit: number) {
    this.#most = Math.max(least, mostPerCredit * credit);
  }

  /** The outcome could not be written, since its link was gone. */
  unsettled(id: string | undefined, bodySize: number, outcome: Outcome): void {
    this.#keep(id, { bodySize, outcome, written: false });
  }

  settled(id: string | undefined, bodySize: number, outcome: Outcome): void {
    this.#keep(id, { bodySize, outcome, written: true });
  }

  /** What was written answers only what the broker marks as a redelivery: the same message may be sent again on purpose. */
  answer(id: string | undefined, bodySize: number, redelivered: boolean): Outcome | undefined {
    const known = id === undefined ? undefined : this.#known.get(id);
    if (known === undefined || known.bodySize !== bodySize || (known.written && !redelivered)) return undefined;
    return known.outcome;
  }

  #keep(id: string | undefined, known: Known): void {
    if (id === undefined) return;
    this.#known.delete(id);
    this.#known.set(id, known);
    if (this.#known.size <= this.#most) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }
}
