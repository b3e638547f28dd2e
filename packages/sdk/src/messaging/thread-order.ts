import { waitFor } from "@helsekontakt/core";
import type { SendOptions } from "./mailroom.ts";

type Places = Map<string, Promise<unknown>>;

/**
 * Lets what is done for one thread happen in the order of the calls: a large message yields the event loop while it is
 * built, and a small one of its thread would be stored before it.
 *
 * Calls in an application's transaction wait for those in the same one only: its commit decides when they are stored, and
 * to wait for others in it would hold up who may wait for that commit. For the same reason a call that is made inside a
 * transaction of the journal's without being given it waits for nobody: an embedded journal refuses it at once.
 */
export class ThreadOrder {
  readonly #alone: Places = new Map();
  readonly #together = new WeakMap<object, Places>();
  readonly #isInside: () => boolean;

  /** @param isInside - whether a call is made in the work of a transaction. */
  constructor(isInside: () => boolean) {
    this.#isInside = isInside;
  }

  /**
   * Does the work in this turn of the event loop when nothing of the thread is before it. One that fails or is given up
   * holds up nobody.
   *
   * @throws {HelsekontaktError} `abort/cancelled` while it waits, and what the work rejects with
   */
  async run<T>(thread: string, { transaction, signal }: SendOptions, work: () => Promise<T>): Promise<T> {
    if (transaction === undefined && this.#isInside()) return work();
    const places = this.#placesOf(transaction);
    const before = places.get(thread);
    const result = before === undefined ? work() : waitFor(before, signal).then(work);
    // Of one that was given up while it waited, those before it are still to be waited for.
    const over = Promise.allSettled([before, result]).then(() => {
      if (places.get(thread) === over) places.delete(thread);
    });
    places.set(thread, over);
    return result;
  }

  #placesOf(transaction: object | undefined): Places {
    if (transaction === undefined) return this.#alone;
    let places = this.#together.get(transaction);
    if (places === undefined) this.#together.set(transaction, (places = new Map()));
    return places;
  }
}
