import { randomUUID } from "node:crypto";
import { NonceWindow } from "./nonce-window.ts";

/**
 * How the token endpoint deals with nonces.
 *
 * - `never`: asks for none;
 * - `window`: challenges once; its nonces are time windows, as Duende's IdentityServer makes them;
 * - `rotating`: the same, and each answer brings another nonce of the window's length;
 * - `single-use`: each nonce is taken once;
 * - `endless`: no nonce is ever good enough.
 */
export type NoncePolicy = "never" | "window" | "rotating" | "single-use" | "endless";

const lifeMs = 60_000;
const maxKept = 10_000;

/** The nonces of one endpoint. */
export class Nonces {
  policy: NoncePolicy;
  readonly #window: NonceWindow;
  readonly #given = new Map<string, number>();
  readonly #now: () => number;

  constructor(policy: NoncePolicy, now: () => number) {
    this.policy = policy;
    this.#now = now;
    this.#window = new NonceWindow(now);
  }

  /** The nonce for the next answer; undefined when the endpoint does not use any. */
  next(): string | undefined {
    if (this.policy === "never") return undefined;
    if (this.policy === "window") return this.#window.current();
    const nonce = randomUUID();
    if (this.#given.size >= maxKept) this.#given.delete(this.#given.keys().next().value as string);
    this.#given.set(nonce, this.#now() + lifeMs);
    return nonce;
  }

  accepts(nonce: string | undefined): boolean {
    if (this.policy === "never") return true;
    if (nonce === undefined || this.policy === "endless") return false;
    if (this.policy === "window") return this.#window.accepts(nonce);
    const good = (this.#given.get(nonce) ?? 0) > this.#now();
    if (this.policy === "single-use") this.#given.delete(nonce);
    return good;
  }
}
