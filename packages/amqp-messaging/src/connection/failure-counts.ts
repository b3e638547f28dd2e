/** A megabyte or two. More than a broker has under way at a time that puts what goes back in front of its queue. */
const mostMessages = 10_000;
/** A message that fails comes again after half a minute at most, and what is before it in its queue. */
const staleAfterMs = 3_600_000;

/**
 * @internal How often the handler has failed for each message that is not done, where the broker does not count. One that
 * may come again is not forgotten in favour of another: were the oldest forgotten, more messages than these that fail in
 * turn would each be at their first try for ever. When there is no room the newcomers wait: those that are counted come to
 * their last try and make room. Only what has not been heard of for an hour gives way: others may have taken it.
 */
export class FailureCounts {
  readonly #most: number;
  readonly #now: () => number;
  /** Those that failed longest ago first. */
  readonly #counts = new Map<string, { readonly failures: number; readonly at: number }>();

  /** @param now - milliseconds on a clock that is never set. */
  constructor(most = mostMessages, now = () => performance.now()) {
    this.#most = most;
    this.#now = now;
  }

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  /** Counts one more failure of a message; undefined when there is no room for it, and so nothing is known. */
  failed(id: string): number | undefined {
    const failures = (this.#counts.get(id)?.failures ?? 0) + 1;
    const at = this.#now();
    if (!this.#counts.delete(id) && this.#counts.size >= this.#most && !this.#forgetStale(at)) return undefined;
    this.#counts.set(id, { failures, at });
    return failures;
  }

  /** The message is done. */
  forget(id: string): void {
    this.#counts.delete(id);
  }

  #forgetStale(now: number): boolean {
    for (const [id, { at }] of this.#counts) return now - at >= staleAfterMs && this.#counts.delete(id);
    return false;
  }
}
