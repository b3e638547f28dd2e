/** What a profile asks of the number of entries, or of those in a slice. */
export interface EntryRule {
  /** The slice; undefined for all entries. */
  readonly name?: string;
  readonly min: number;
  readonly max: number;
}

/**
 * What profiles ask of the entries of a Bundle together, for a Bundle of which one entry is seen at a time: how many there are,
 * and the order of slices.
 */
export class EntryCounts {
  /** Invariants that can only be judged of all entries at once. */
  readonly unchecked: Set<string> = new Set();
  /** While this holds, nothing is counted. */
  isPaused = false;
  readonly #rules = new Map<unknown, Map<string, { readonly rule: EntryRule; count: number }>>();
  readonly #places = new Map<unknown, number>();

  /** Adds to a rule of a profile. */
  add(profile: unknown, rule: EntryRule, count: number): void {
    if (this.isPaused) return;
    let rules = this.#rules.get(profile);
    if (rules === undefined) this.#rules.set(profile, (rules = new Map()));
    const key = `${rule.min} ${rule.max} ${rule.name ?? ""}`;
    const found = rules.get(key);
    if (found === undefined) rules.set(key, { rule, count });
    else found.count += count;
  }

  /** False where an earlier entry belongs to a later slice. */
  isInOrder(profile: unknown, place: number): boolean {
    if (this.isPaused) return true;
    if ((this.#places.get(profile) ?? 0) > place) return false;
    this.#places.set(profile, place);
    return true;
  }

  totals(): readonly { readonly rule: EntryRule; readonly count: number }[] {
    return [...this.#rules.values()].flatMap((rules) => [...rules.values()]);
  }
}
