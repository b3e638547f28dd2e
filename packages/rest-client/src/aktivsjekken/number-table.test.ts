import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AdaptiveLimit } from "./adaptive-limit.ts";
import { NumberTable } from "./number-table.ts";

describe("NumberTable", () => {
  it("holds what a map would, for any numbers of eleven digits", () => {
    const digits = fc.oneof(
      fc.integer({ min: 0, max: 99_999_999_999 }),
      fc.nat(200),
      // Neighbours across the border of 32 bits, which the table keeps apart.
      fc.integer({ min: 2 ** 32 - 100, max: 2 ** 32 + 100 }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(digits, fc.nat(14)), { maxLength: 2_000 }), (entries) => {
        const table = new NumberTable(10_000);
        const map = new Map<string, number>();
        for (const [n, value] of entries) {
          const text = String(n).padStart(11, "0");
          expect(table.get(text)).toBe(map.get(text));
          table.set(text, value);
          map.set(text, value);
        }
        expect(table.size).toBe(map.size);
        for (const [text, value] of map) expect(table.get(text)).toBe(value);
      }),
      { numRuns: 50 },
    );
  });

  it("takes no more for the numbers of persons, which are dense in days, than for any", () => {
    const table = new NumberTable(1_000_000);
    for (let n = 0; n < 1_000_000; n++) {
      const [day, month, year] = [1 + (n % 28), 81 + (Math.floor(n / 28) % 12), Math.floor(n / 336) % 100];
      const date = [day, month, year].map((part) => String(part).padStart(2, "0")).join("");
      table.set(`${date}${String(10_000 + Math.floor(n / 33_600))}`, 3);
    }
    expect(table.size).toBe(1_000_000);
    expect(table.bytes).toBeLessThanOrEqual(5_600_000);
  });

  it("takes its room for a million at once, little for a few, and at most eight bytes a number beyond", () => {
    const most = 1_600_000;
    const table = new NumberTable(most);
    const text = (n: number): string => String((n * 99_991) % 99_999_999_977).padStart(11, "0");
    const room: number[] = [];
    for (let n = 0; n < most; n++) {
      table.set(text(n), n % 15);
      if ([1_000, 20_000, 1_000_000].includes(n + 1)) room.push(table.bytes);
    }
    expect(table.size).toBe(most);
    expect(room).toEqual([32_768, 5_529_600, 5_529_600]);
    expect(table.bytes).toBeLessThanOrEqual(7.6 * most);
    for (let n = 0; n < most; n += 37) if (table.get(text(n)) !== n % 15) throw new Error(`lost ${n}`);
    expect(() => table.set("99999999999", 0)).toThrow(/at most 1600000/);
    table.set(text(5), 1);
    expect(table.get(text(5))).toBe(1);
  });
});

describe("AdaptiveLimit", () => {
  const answered = (limit: AdaptiveLimit, ms: number, rounds: number): void => {
    for (let round = 0; round < rounds; round++) for (let n = limit.current; n > 0; n--) limit.answered(ms);
  };

  it("doubles at first, up to the cap", () => {
    const limit = new AdaptiveLimit({ cap: 20 });
    const seen = [limit.current];
    for (let round = 0; round < 5; round++) {
      answered(limit, 50, 1);
      seen.push(limit.current);
    }
    expect(seen).toEqual([2, 4, 8, 16, 20, 20]);
  });

  it("halves when the service refuses, once for calls that fail together, and grows by one from then", () => {
    const limit = new AdaptiveLimit({ cap: 16, start: 16 });
    answered(limit, 50, 1);
    for (let n = 0; n < 8; n++) limit.overloaded();
    expect(limit.current).toBe(8);
    answered(limit, 50, 1);
    expect(limit.current).toBe(9);
  });

  it("shrinks to the floor while calls queue at the service, and comes back when they do not", () => {
    const limit = new AdaptiveLimit({ floor: 2, cap: 16, start: 16 });
    answered(limit, 50, 2);
    answered(limit, 400, 12);
    expect(limit.current).toBe(2);
    answered(limit, 50, 40);
    expect(limit.current).toBe(16);
  });

  it("takes a service that has become slower for good for what it is", () => {
    const limit = new AdaptiveLimit({ cap: 8, start: 8 });
    answered(limit, 50, 2);
    answered(limit, 200, 150);
    expect(limit.current).toBe(8);
  });
});
