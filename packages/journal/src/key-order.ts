import { currentTransaction } from "./store.ts";

/**
 * Lets messages of one key be stored in the order of the calls: a large one takes several turns of the event loop, and a
 * small one that is not awaited behind it would overtake it. Without a large one nobody waits.
 *
 * @internal
 */
export class KeyOrder {
  readonly #last = new Map<string, Promise<void>>();

  run<T>(key: string | undefined, isLarge: boolean, work: () => Promise<T>): Promise<T> {
    const before = key === undefined ? undefined : this.#last.get(key);
    if (key === undefined || (before === undefined && !isLarge)) return work();
    // What is before it may wait for the transaction in whose work this call is made: the store refuses such a call at once.
    if (currentTransaction.getStore()?.transaction.isOver === false) return work();
    const running = before === undefined ? work() : before.then(work);
    const over = (): void => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    };
    const settled: Promise<void> = running.then(over, over);
    this.#last.set(key, settled);
    return running;
  }
}
