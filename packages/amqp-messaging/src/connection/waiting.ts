/** @internal First in, first out; taking from the front costs the same however many wait. */
export class Waiting<T extends object> {
  #items: (T | undefined)[] = [];
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#size++;
  }

  /** In front of the others, in the given order. */
  putBack(items: readonly T[]): void {
    this.#items = [...items, ...this.#items.slice(this.#head)];
    this.#head = 0;
    this.#size += items.length;
  }

  first(): T | undefined {
    while (this.#head < this.#items.length && this.#items[this.#head] === undefined) this.#head++;
    return this.#items[this.#head];
  }

  /** Takes the one that {@link first} gave. */
  shift(): void {
    this.#items[this.#head++] = undefined;
    this.#size--;
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }

  /** False when it does not wait here. */
  remove(item: T): boolean {
    const at = this.#items.indexOf(item, this.#head);
    if (at < 0) return false;
    this.#items[at] = undefined;
    this.#size--;
    return true;
  }

  clear(): T[] {
    const items = this.#items.slice(this.#head).filter((item) => item !== undefined);
    this.#items = [];
    this.#head = 0;
    this.#size = 0;
    return items;
  }
}
