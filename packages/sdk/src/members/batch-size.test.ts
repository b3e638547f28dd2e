import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { batchLimits } from "./batch-limits.ts";
import { BatchSizer } from "./batch-size.ts";
import { bestFixed, sendAll, type Service, service } from "./_sizer-world.ts";

const statedMs = (members: number): number => 1_000 + 8.5 * members;
/** Slower so many times for ten minutes, from the third on. */
const slowPhase = (times: number): Service =>
  service((members, atMs) => statedMs(members) * (atMs >= 120_000 && atMs < 720_000 ? times : 1));
/** One call in a hundred takes more than 10 s, whatever its length; some of those more than the limit. */
const heavyTail: Service = (members, atMs, random) => {
  const usual = service((n) => 500 + 6 * n, { lost: 0 })(members, atMs, random);
  return random() < 0.01 ? Math.max(usual, 10_000 / Math.sqrt(1 - random())) : usual;
};
/** A sizer that has found its length. */
function settled(): BatchSizer {
  const sizer = new BatchSizer(batchLimits());
  for (let n = 0; n < 20; n++) sizer.answered(sizer.size, statedMs(sizer.size) * 1.2);
  return sizer;
}

describe("size of the next call", () => {
  it.each<[string, Service, number, number]>([
    ["at its stated limits", service(statedMs), 300_000, 0.9],
    ["that often loses a call", service(statedMs, { lost: 0.02 }), 300_000, 0.9],
    ["that takes a time for each member only", service((n) => 9 * n), 100_000, 0.9],
    ["of which a call costs much, and a member little", service((n) => 4_000 + 6 * n), 300_000, 0.9],
    ["with a heavy tail, 1 % above 10 s", heavyTail, 300_000, 0.9],
    ["that is three times slower for ten minutes", slowPhase(3), 300_000, 0.9],
    ["that is ten times slower for ten minutes", slowPhase(10), 300_000, 0.9],
    ["that is slow and uneven", service((n) => 500 + 60 * n, { spread: 0.3 }), 100_000, 0.9],
    ["that is fast", service((n) => 200 + 0.5 * n, { spread: 0.2 }), 300_000, 0.9],
    ["that takes seconds for ten members", service((n) => 1_000 + 700 * n), 10_000, 0.9],
    // What there is to learn costs more there: lists that are never answered, or a best length far below the limit's.
    ["that never answers more than 400", service((n) => (n > 400 ? Infinity : 500 + 8 * n)), 300_000, 0.85],
    ["that takes longer and longer for each member", service((n) => 1_000 + 0.01 * n * n), 300_000, 0.8],
  ])("comes near the best fixed size at a service %s", (_, to, people, least) => {
    for (const parallel of [1, 4])
      for (const seed of [1, 2]) {
        const limits = batchLimits({ parallel });
        const best = bestFixed(to, limits, people, seed);
        expect(sendAll(to, limits, people, seed).perSecond / best.perSecond).toBeGreaterThan(least);
      }
  });

  it("never is above the cap or below one, at any service", () => {
    const world = fc.record({
      base: fc.integer({ min: 0, max: 20_000 }),
      each: fc.double({ min: 0, max: 3_000, noNaN: true }),
      spread: fc.double({ min: 0, max: 1, noNaN: true }),
      lost: fc.double({ min: 0, max: 0.3, noNaN: true }),
      max: fc.integer({ min: 1, max: 10_000 }),
      start: fc.integer({ min: 1, max: 10_000 }),
      parallel: fc.integer({ min: 1, max: 8 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(world, ({ base, each, spread, lost, max, start, parallel, seed }) => {
        const to = service((n) => base + each * n, { spread, lost });
        const { calls } = sendAll(to, batchLimits({ max, start, parallel }), 500, seed);
        expect(Math.max(...calls.map((c) => c.members))).toBeLessThanOrEqual(max);
        expect(Math.min(...calls.map((c) => c.sizeAfter))).toBeGreaterThanOrEqual(1);
        expect(Math.max(...calls.map((c) => c.sizeAfter))).toBeLessThanOrEqual(max);
      }),
      { numRuns: 60 },
    );
  });

  it("is at most half after a list without an answer, or a length that was answered since", () => {
    const event = fc.record({ answered: fc.boolean(), ms: fc.integer({ min: 1, max: 15_000 }) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const sizer = new BatchSizer(batchLimits());
        let longest = 25;
        for (const { answered, ms } of events) {
          const members = sizer.next();
          if (answered) sizer.answered(members, ms);
          else sizer.timedOut(members);
          if (answered) longest = Math.max(longest, members);
          else if (members <= longest) longest = Math.max(1, members / 2);
          if (!answered) expect(sizer.size).toBeLessThanOrEqual(longest);
        }
      }),
    );
  });

  it("comes back to its length after a slow phase", () => {
    for (const times of [3, 10])
      for (const parallel of [1, 4]) {
        const { calls } = sendAll(slowPhase(times), batchLimits({ parallel }), 200_000, 7);
        const within = (from: number, to: number): number[] =>
          calls.filter((c) => c.atMs >= from && c.atMs < to).map((c) => c.sizeAfter);
        const usual = (sizes: readonly number[]): number => sizes.toSorted((a, b) => a - b)[sizes.length >> 1] ?? 0;
        const [before, slow, after] = [within(80_000, 120_000), within(300_000, 720_000), within(900_000, Infinity)];
        expect(usual(slow)).toBeLessThan(usual(before) * 0.6);
        expect(usual(after)).toBeGreaterThan(usual(before) * 0.9);
      }
  });

  it("tries a length that is never answered less and less often", () => {
    const to = service((n) => (n > 400 ? Infinity : 500 + 8 * n), { lost: 0 });
    const { calls } = sendAll(to, batchLimits({ parallel: 4 }), 600_000, 3);
    const late = calls.slice(calls.length / 2);
    expect(calls.filter((c) => c.members > 400).length).toBeGreaterThan(0);
    expect(late.filter((c) => c.members > 400).length / late.length).toBeLessThan(0.02);
  });

  it("sends a length that was never answered by one call at a time", () => {
    const sizer = new BatchSizer(batchLimits({ parallel: 4 }));
    sizer.answered(25, 500);
    const lengths = [sizer.next(), sizer.next(), sizer.next(), sizer.next()];
    expect(lengths).toEqual([50, 25, 25, 25]);
    sizer.answered(50, 600);
    expect(sizer.next()).toBe(100);
  });

  it("is not led astray by single calls that were held up", () => {
    const sizer = settled();
    const before = sizer.size;
    for (let n = 0; n < 20; n++) sizer.answered(sizer.size, n % 4 === 0 ? 14_000 : statedMs(sizer.size) * 1.2);
    expect(sizer.size).toBeGreaterThan(before * 0.9);
  });

  it("goes back to a length at once when the list that was not answered is, the second time", () => {
    const sizer = settled();
    const before = sizer.size;
    sizer.timedOut(before);
    expect(sizer.size).toBeLessThanOrEqual(before / 2);
    sizer.answered(before, statedMs(before) * 1.2);
    expect(sizer.size).toBeGreaterThan(before * 0.8);
  });

  it("keeps away for a while from a length that was not answered twice", () => {
    const sizer = settled();
    const before = sizer.size;
    sizer.timedOut(before);
    sizer.timedOut(before, true);
    for (let n = 0; n < 20; n++) sizer.answered(sizer.size, statedMs(sizer.size));
    expect(sizer.size).toBeLessThan(before * 0.9);
    for (let n = 0; n < 200; n++) sizer.answered(sizer.size, statedMs(sizer.size));
    expect(sizer.size).toBeGreaterThan(before * 0.95);
  });
});
