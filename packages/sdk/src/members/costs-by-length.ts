/** Of an even number the lower one of the two; 0 of none. */
export function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? 0;
}

/** Answers after which a cost is forgotten, and how many are kept of a length. */
const [fresh, kept] = [100, 9];

/** What a member costs in lists of about the same length, lately; lengths by steps of the square root of two. */
export class CostsByLength {
  readonly #byStep = new Map<number, { readonly cost: number; readonly answer: number }[]>();
  #answers = 0;

  met(members: number, cost: number): void {
    const step = Math.round(2 * Math.log2(members));
    const costs = (this.#byStep.get(step) ?? []).slice(1 - kept);
    costs.push({ cost, answer: ++this.#answers });
    this.#byStep.set(step, costs);
  }

  /** The length above which lists are known to cost clearly more for each member than shorter ones. */
  cheapest(): number {
    const known = [...this.#byStep].flatMap(([step, costs]) => {
      const now = costs.filter((c) => c.answer > this.#answers - fresh);
      return now.length === 0 ? [] : [{ step, cost: middle(now.map((c) => c.cost)), sure: now.length >= 5 }];
    });
    let most = Number.POSITIVE_INFINITY;
    for (const long of known) {
      if (!long.sure) continue;
      const cheaper = known.filter((k) => k.step < long.step && k.cost * (k.sure ? 1.1 : 1.35) < long.cost);
      if (cheaper.length > 0)
        most = Math.min(most, 2 ** (cheaper.reduce((a, b) => (b.cost < a.cost ? b : a)).step / 2));
    }
    return most;
  }
}
