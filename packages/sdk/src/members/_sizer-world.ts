import type { BatchLimits } from "./batch-limits.ts";
import { BatchSizer } from "./batch-size.ts";

// A member service and a sender in computed time: hours of calls in a fraction of a second, the same ones for a seed.

/** mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Milliseconds that a call of so many members takes when it begins then; infinite for one that is never answered. */
export type Service = (members: number, atMs: number, random: () => number) => number;

/** What a call takes, times a lognormal factor; `lost` of the calls are never answered. */
export function service(ms: (members: number, atMs: number) => number, { spread = 0.157, lost = 0.003 } = {}): Service {
  return (members, atMs, random) => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return random() < lost ? Number.POSITIVE_INFINITY : ms(members, atMs) * Math.exp(spread * normal);
  };
}

export interface Call {
  readonly atMs: number;
  readonly members: number;
  readonly answered: boolean;
  /** Which try of its list it is, from 1. */
  readonly tries: number;
  /** The sizer's size once its outcome is known. */
  readonly sizeAfter: number;
}

export interface Sent {
  /** Members a second of all calls' time. */
  readonly perSecond: number;
  readonly calls: readonly Call[];
}

interface List {
  readonly members: number;
  readonly half: boolean;
  tries: number;
}

/** Sends so many people as the register's sender does: a list without an answer once more, then in halves. */
export function sendAll(to: Service, limits: BatchLimits, people: number, seed: number): Sent {
  const random = seeded(seed);
  const sizer = new BatchSizer(limits);
  const queue: List[] = [];
  const calls: Call[] = [];
  const underWay: { readonly list: List; readonly atMs: number; readonly endMs: number; readonly ms: number }[] = [];
  let [waiting, now, busy] = [people, 0, 0];
  const call = (list: List): void => {
    const took = to(list.members, now, random);
    list.tries++;
    underWay.push({ list, atMs: now, endMs: now + Math.min(took, limits.timeoutMs), ms: took });
  };
  const next = (): List | undefined => {
    const halved = queue.shift();
    if (halved !== undefined || waiting === 0) return halved;
    const members = Math.min(waiting, sizer.next());
    waiting -= members;
    return { members, half: false, tries: 0 };
  };
  for (;;) {
    while (underWay.length < limits.parallel) {
      const list = next();
      if (list === undefined) break;
      call(list);
    }
    const first = underWay.reduce((a, b) => (b.endMs < a.endMs ? b : a), underWay[0] as (typeof underWay)[number]);
    if (first === undefined) break;
    underWay.splice(underWay.indexOf(first), 1);
    const { list, atMs, endMs, ms } = first;
    now = endMs;
    busy += endMs - atMs;
    const answered = ms <= limits.timeoutMs;
    if (answered) sizer.answered(list.members, ms);
    else sizer.timedOut(list.members, list.tries > 1 && !list.half);
    calls.push({ atMs, members: list.members, answered, tries: list.tries, sizeAfter: sizer.size });
    if (answered) continue;
    if (list.tries < 2) call(list);
    // A single member is set aside.
    else if (list.members > 1) {
      const half = Math.ceil(list.members / 2);
      for (const members of [half, list.members - half]) queue.push({ members, half: true, tries: 0 });
    }
  }
  return { perSecond: (people * 1_000) / busy, calls };
}

/** Sizes that the best fixed one is looked for among. */
const sizes = [5, 10, 15, 25, 40, 60, 80, 100, 150, 200, 250, 300, 400, 500, 600, 700, 800, 900, 1_000];

export function bestFixed(
  to: Service,
  limits: BatchLimits,
  people: number,
  seed: number,
): { size: number; perSecond: number } {
  return (
    sizes
      // The shortest would take tens of thousands of calls, and are nowhere the best.
      .filter((size) => size <= limits.max && people / size <= 3_000)
      .map((size) => ({ size, perSecond: sendAll(to, { ...limits, fixed: size }, people, seed).perSecond }))
      .reduce((a, b) => (b.perSecond > a.perSecond ? b : a))
  );
}
