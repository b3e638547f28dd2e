/** @internal What a schedule needs to know of an arrived message. */
export interface Scheduled {
  /** Messages of one key run one after another, in the order in which they arrived. */
  readonly key: string | undefined;
  /** The message function, whose limit holds. */
  readonly function: string | undefined;
}

/** @internal Which of the arrived messages may run now: so many at a time, so many of a function, one of a key. */
export class Schedule<T extends Scheduled> {
  readonly #concurrency: number;
  readonly #limits: ReadonlyMap<string, number>;
  #waiting: T[] = [];
  readonly #busyKeys = new Set<string>();
  /** Of functions that have a limit only: the names come from outside. */
  readonly #perFunction = new Map<string, number>();
  #running = 0;

  constructor(concurrency: number, limits: Readonly<Record<string, number>> = {}) {
    this.#concurrency = concurrency;
    this.#limits = new Map(Object.entries(limits));
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  add(item: T): void {
    this.#waiting.push(item);
  }

  /** Takes the earliest that may run; call {@link end} when it has. */
  next(): T | undefined {
    if (this.#waiting.length === 0 || this.#running >= this.#concurrency) return undefined;
    // What waits for its function holds up the later ones of its key.
    let passed: Set<string> | undefined;
    for (const [at, item] of this.#waiting.entries()) {
      const { key } = item;
      if (key !== undefined && (this.#busyKeys.has(key) || passed?.has(key) === true)) continue;
      if (!this.#hasRoom(item.function)) {
        if (key !== undefined) (passed ??= new Set()).add(key);
        continue;
      }
      if (at === 0) this.#waiting.shift();
      else this.#waiting.splice(at, 1);
      this.#begin(item);
      return item;
    }
    return undefined;
  }

  /** The item has run. Its key stays busy if it will be run again: see {@link again}. */
  end(item: T, willRunAgain = false): void {
    this.#running--;
    this.#countFunction(item.function, -1);
    if (!willRunAgain && item.key !== undefined) this.#busyKeys.delete(item.key);
  }

  /** Puts an item that kept its key in front of those that wait. */
  again(item: T): void {
    if (item.key !== undefined) this.#busyKeys.delete(item.key);
    this.#waiting.unshift(item);
  }

  /** Takes everything that has not begun, in the order of arrival. */
  clear(): T[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  /** For an item that kept its key and will not come again after all. */
  freeKey(key: string | undefined): void {
    if (key !== undefined) this.#busyKeys.delete(key);
  }

  #begin(item: T): void {
    this.#running++;
    if (item.key !== undefined) this.#busyKeys.add(item.key);
    this.#countFunction(item.function, 1);
  }

  #countFunction(name: string | undefined, by: number): void {
    if (name !== undefined && this.#limits.has(name)) this.#perFunction.set(name, this.#count(name) + by);
  }

  #hasRoom(name: string | undefined): boolean {
    const limit = name === undefined ? undefined : this.#limits.get(name);
    return name === undefined || limit === undefined || this.#count(name) < limit;
  }

  #count(name: string): number {
    return this.#perFunction.get(name) ?? 0;
  }
}
