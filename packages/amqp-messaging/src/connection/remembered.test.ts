import { describe, expect, it } from "vitest";
import { idKey, RememberedOutcomes } from "./remembered.ts";

const settle = (outcomes: RememberedOutcomes, count: number): void => {
  for (let i = 0; i < count; i++) outcomes.settled(`s${i}`, 10, "accept");
};
const known = (outcomes: RememberedOutcomes, count: number): number =>
  Array.from({ length: count }, (_, i) => outcomes.answer(`s${i}`, 10, true)).filter((o) => o === "accept").length;

describe("RememberedOutcomes", () => {
  it("keeps the last thousand, however many messages there are", () => {
    const outcomes = new RememberedOutcomes(8);
    settle(outcomes, 20_000);
    expect(known(outcomes, 20_000)).toBe(1_000);
    expect(outcomes.answer("s19999", 10, true)).toBe("accept");
  });

  it("keeps more than the broker can hand out again of what was granted", () => {
    const outcomes = new RememberedOutcomes(1_000);
    settle(outcomes, 20_000);
    expect(known(outcomes, 20_000)).toBe(4_000);
  });

  it("answers what was written only to a redelivery, and only to a body of the same size", () => {
    const outcomes = new RememberedOutcomes(8);
    outcomes.settled("s1", 10, "accept");
    outcomes.unsettled("s2", 10, "reject");
    expect(outcomes.answer("s1", 10, false)).toBeUndefined();
    expect(outcomes.answer("s1", 11, true)).toBeUndefined();
    expect(outcomes.answer("s2", 10, false)).toBe("reject");
    expect(outcomes.answer(undefined, 10, true)).toBeUndefined();
  });
});

describe("idKey()", () => {
  it("tells ids apart whose forms differ, and is short for long ones", () => {
    const ids = ["1", 1, Buffer.from("1"), Buffer.alloc(16), "x".repeat(1_000_000), Buffer.alloc(1_000_000)];
    const keys = ids.map((id) => idKey(id));
    expect(new Set(keys).size).toBe(ids.length);
    for (const key of keys) expect(key?.length).toBeLessThanOrEqual(401);
    expect(idKey(undefined)).toBeUndefined();
  });
});
