import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const windowMs = 60_000;

/** Nonces that are time windows, as Duende's IdentityServer makes them: stateless, good for the present and the last minute. */
export class NonceWindow {
  readonly #key = randomBytes(32);
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  current(): string {
    return this.#make(Math.floor(this.#now() / windowMs));
  }

  accepts(nonce: string): boolean {
    const slot = Math.floor(this.#now() / windowMs);
    return [slot, slot - 1].some((s) => {
      const expected = Buffer.from(this.#make(s));
      const given = Buffer.from(nonce);
      return expected.length === given.length && timingSafeEqual(expected, given);
    });
  }

  #make(slot: number): string {
    return createHmac("sha256", this.#key).update(String(slot)).digest("base64url");
  }
}
