/** Ids that have been used, for as long as they could be used again. */
export class UsedIds {
  readonly #until = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Remembers an id for some seconds; false when it was seen before. */
  first(id: string, seconds: number): boolean {
    const now = this.#now();
    if (this.#until.size > 10_000) for (const [key, until] of this.#until) if (until < now) this.#until.delete(key);
    if ((this.#until.get(id) ?? 0) > now) return false;
    this.#until.set(id, now + seconds * 1000);
    return true;
  }
}
