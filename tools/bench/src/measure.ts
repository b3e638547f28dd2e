/** One row: how many times slower (`below`) or faster (`above`) than its partner, against a bound. */
export interface Row {
  readonly name: string;
  readonly ratio: number;
  readonly bound?: { readonly kind: "at-least" | "at-most"; readonly value: number };
  readonly note: string;
}

/** Runs two functions in turn, in rounds of equal time, and answers the median of the rounds' ratios of their speeds (a / b). */
export async function compare(
  a: () => unknown,
  b: () => unknown,
  { rounds = 9, ms = 120 } = {},
): Promise<{ ratio: number; aPerSecond: number; bPerSecond: number }> {
  for (const f of [a, b]) await repeat(f, ms);
  const ratios: number[] = [];
  const as: number[] = [];
  const bs: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const first = await repeat(a, ms);
    const second = await repeat(b, ms);
    as.push(first);
    bs.push(second);
    ratios.push(first / second);
  }
  return { ratio: median(ratios), aPerSecond: median(as), bPerSecond: median(bs) };
}

/**
 * As {@link compare}, by the time of this process's processors, the thread pool's included: on a machine that others use,
 * too, the clock on the wall measures them. Others still slow the processor down (caches, memory), never up: so each
 * side's cost is that of its quieter rounds, the lower quartile. `ratio` is b's cost over a's.
 */
export async function compareCost(
  a: () => unknown,
  b: () => unknown,
  { rounds = 24, ms = 50 } = {},
): Promise<{ ratio: number; aMicros: number; bMicros: number }> {
  for (const f of [a, b]) await spend(f, 2 * ms);
  const as: number[] = [];
  const bs: number[] = [];
  for (let i = 0; i < rounds; i++) {
    as.push(await spend(a, ms));
    bs.push(await spend(b, ms));
  }
  const [aMicros, bMicros] = [lowerQuartile(as), lowerQuartile(bs)];
  return { ratio: bMicros / aMicros, aMicros, bMicros };
}

function lowerQuartile(values: readonly number[]): number {
  return values.toSorted((x, y) => x - y)[Math.floor(values.length / 4)] ?? Number.NaN;
}

/** Microseconds of processor for one call. */
async function spend(f: () => unknown, ms: number): Promise<number> {
  const start = process.cpuUsage();
  let n = 0;
  for (;;) {
    const result = f();
    if (result instanceof Promise) await result;
    n++;
    const { user, system } = process.cpuUsage(start);
    if (user + system >= ms * 1_000) return (user + system) / n;
  }
}

async function repeat(f: () => unknown, ms: number): Promise<number> {
  const start = process.hrtime.bigint();
  const end = start + BigInt(ms) * 1_000_000n;
  let n = 0;
  let now = start;
  do {
    const result = f();
    if (result instanceof Promise) await result;
    n++;
    now = process.hrtime.bigint();
  } while (now < end);
  return (n * 1e9) / Number(now - start);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function holds(row: Row): boolean {
  if (row.bound === undefined) return true;
  return row.bound.kind === "at-least" ? row.ratio >= row.bound.value : row.ratio <= row.bound.value;
}
