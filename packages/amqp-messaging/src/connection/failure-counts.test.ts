import { describe, expect, it } from "vitest";
import { FailureCounts } from "./failure-counts.ts";

const hour = 3_600_000;

describe("FailureCounts", () => {
  it("counts the failures of each message until it is done", () => {
    const counts = new FailureCounts();
    expect([counts.failed("a"), counts.failed("b"), counts.failed("a")]).toEqual([1, 1, 2]);
    counts.forget("a");
    expect([counts.failed("a"), counts.failed("b")]).toEqual([1, 2]);
  });

  it.each([5, 50, 500])("brings %i messages that fail in turn to their last try, with room for 20", (count) => {
    const counts = new FailureCounts(20);
    const left = new Set(Array.from({ length: count }, (_, i) => `m${i}`));
    let rounds = 0;
    for (; left.size > 0 && rounds < 10_000; rounds++)
      for (const id of left)
        if ((counts.failed(id) ?? 1) >= 10) {
          counts.forget(id);
          left.delete(id);
        }
    expect(left.size).toBe(0);
    expect(rounds).toBeLessThanOrEqual(10 * Math.ceil(count / 20));
  });

  it("gives the place of a message that was not heard of for an hour to another one", () => {
    let now = 0;
    const counts = new FailureCounts(2, () => now);
    counts.failed("a");
    now = hour / 2;
    counts.failed("b");
    expect(counts.failed("c")).toBeUndefined();
    now = hour;
    expect([counts.failed("c"), counts.failed("d"), counts.failed("b")]).toEqual([1, undefined, 2]);
  });
});
