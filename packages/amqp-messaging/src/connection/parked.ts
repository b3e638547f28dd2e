import type { Delivery } from "rhea";

interface Parked {
  readonly delivery: Delivery;
  readonly link: number;
  /** The key that it keeps busy while it waits. */
  readonly key: string | undefined;
}

/** Beyond this many, a message that waits keeps its credit: the pause then holds up the queue, and memory stays bounded. */
const mostParked = 1_000;

/** @internal Deliveries that wait, unsettled, for their next try. */
export class ParkedDeliveries {
  readonly #timers = new Map<Parked, NodeJS.Timeout>();

  get size(): number {
    return this.#timers.size;
  }

  get hasRoom(): boolean {
    return this.#timers.size < mostParked;
  }

  add(item: Parked, pauseMs: number, wake: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(item);
      wake();
    }, pauseMs);
    this.#timers.set(item, timer);
  }

  /** Wakes nothing any more; each is handed to `drop`, the last first. */
  clear(drop: (item: Parked) => void): void {
    const items = [...this.#timers];
    this.#timers.clear();
    for (const [item, timer] of items.toReversed()) {
      clearTimeout(timer);
      drop(item);
    }
  }
}
