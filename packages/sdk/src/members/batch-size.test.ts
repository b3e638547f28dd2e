import { describe, expect, it } from "vitest";
import { batchLimits, BatchSizer } from "./batch-size.ts";

/** mulberry32: the same numbers for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Service {
  /** Milliseconds of a call without its members, and of each member. */
  readonly base: number;
  readonly each: number;
  /** Spread of what a call takes (standard deviation of its logarithm), and share of calls that are never answered. */
  readonly spread: number;
  readonly lost: number;
}

/** Members a second against a service, in computed time; lists without an answer are resent, then halved. */
function perSecond(service: Service, people: number, seed: number, fixed?: number): number {
  const random = seeded(seed);
  const limits = batchLimits(fixed === undefined ? {} : { fixed });
  const sizer = new BatchSizer(limits);
  const queue: { members: number; timeouts: number }[] = [];
  let [waiting, ms] = [people, 0];
  while (waiting > 0 || queue.length > 0) {
    let batch = queue.shift();
    if (batch === undefined) {
      batch = { members: Math.min(waiting, sizer.size), timeouts: 0 };
      waiting -= batch.members;
    }
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const took = (service.base + service.each * batch.members) * Math.exp(service.spread * normal);
    if (random() >= service.lost && took <= limits.timeoutMs) {
      ms += took;
      sizer.answered(batch.members, took);
      continue;
    }
    ms += limits.timeoutMs;
    if (++batch.timeouts === 1) {
      sizer.timedOut(batch.members);
      queue.push(batch);
    } else {
      const half = Math.ceil(batch.members / 2);
      queue.push({ members: half, timeouts: 0 }, { members: batch.members - half, timeouts: 0 });
    }
  }
  return (people * 1_000) / ms;
}

describe("size of the next call", () => {
  it.each<[string, Service]>([
    ["at its stated limits", { base: 1_000, each: 8.5, spread: 0.157, lost: 0.003 }],
    ["that often loses a call", { base: 1_000, each: 8.5, spread: 0.157, lost: 0.02 }],
    ["that is slow and uneven", { base: 500, each: 60, spread: 0.3, lost: 0.003 }],
    ["that is fast", { base: 200, each: 0.5, spread: 0.2, lost: 0.003 }],
  ])("comes near the best fixed size at a service %s", (_, service) => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const sizes = [10, 25, 50, 100, 150, 200, 400, 600, 800, 1_000];
      const best = Math.max(...sizes.map((size) => perSecond(service, 60_000, seed, size)));
      expect(perSecond(service, 60_000, seed) / best).toBeGreaterThan(0.9);
    }
  });

  it("is not led astray by single calls that were held up", () => {
    const sizer = new BatchSizer(batchLimits());
    for (let n = 0; n < 20; n++) sizer.answered(sizer.size, 500 + sizer.size * 8);
    const before = sizer.size;
    for (let n = 0; n < 20; n++) sizer.answered(sizer.size, n % 4 === 0 ? 14_000 : 500 + sizer.size * 8);
    expect(sizer.size).toBeGreaterThan(before * 0.9);
  });

  it("goes back to a length at once when the list that was not answered is, the second time", () => {
    const sizer = new BatchSizer(batchLimits());
    for (let n = 0; n < 20; n++) sizer.answered(sizer.size, 500 + sizer.size * 8);
    const before = sizer.size;
    sizer.timedOut(before);
    expect(sizer.size).toBeLessThanOrEqual(before / 2);
    sizer.answered(before, 500 + before * 8);
    expect(sizer.size).toBeGreaterThan(before * 0.8);
  });

  it("keeps away for a while from a length that was not answered", () => {
    const sizer = new BatchSizer(batchLimits());
    for (let n = 0; n < 20; n++) sizer.answered(sizer.size, 500 + sizer.size * 8);
    const before = sizer.size;
    sizer.timedOut(before);
    for (let n = 0; n < 6; n++) sizer.answered(sizer.size, 500 + sizer.size * 8);
    expect(sizer.size).toBeLessThan(before * 0.9);
  });
});
