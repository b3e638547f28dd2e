import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Schedule } from "./schedule.ts";

interface Item {
  readonly n: number;
  readonly key: string | undefined;
  readonly function: string | undefined;
}

describe("Schedule", () => {
  it("O2: never runs more than it may, never two of a key, and each key in its order", () => {
    const items = fc.array(
      fc.record({
        key: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
        function: fc.option(fc.constantFrom("F", "G", "H"), { nil: undefined }),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(items, fc.integer({ min: 1, max: 5 }), fc.infiniteStream(fc.nat()), (given, concurrency, draws) => {
        const limits: Record<string, number> = { F: 1, G: 2 };
        const schedule = new Schedule<Item>(concurrency, limits);
        const running: Item[] = [];
        const begun: Item[] = [];
        const draw = (): number => draws.next().value ?? 0;
        const start = (): void => {
          for (let item = schedule.next(); item !== undefined; item = schedule.next()) {
            running.push(item);
            begun.push(item);
          }
          expect(running.length).toBeLessThanOrEqual(concurrency);
          const keys = running.flatMap((i) => i.key ?? []);
          expect(new Set(keys).size).toBe(keys.length);
          for (const [name, limit] of Object.entries(limits))
            expect(running.filter((i) => i.function === name).length).toBeLessThanOrEqual(limit);
        };
        const retried = new Set<number>();
        const end = (): void => {
          const [item] = running.splice(draw() % running.length, 1);
          if (item === undefined) return;
          // One in four goes again, once.
          const again = item.key !== undefined && !retried.has(item.n) && draw() % 4 === 0;
          schedule.end(item, again);
          if (!again) return;
          retried.add(item.n);
          begun.splice(begun.indexOf(item), 1);
          schedule.again(item);
        };
        for (const [n, item] of given.entries()) {
          schedule.add({ n, ...item });
          start();
          if (running.length > 0 && draw() % 2 === 0) end();
          start();
        }
        while (running.length > 0) {
          end();
          start();
        }
        expect(begun).toHaveLength(given.length);
        for (const key of ["a", "b", "c"]) {
          const order = begun.filter((i) => i.key === key).map((i) => i.n);
          expect(order).toEqual(order.toSorted((x, y) => x - y));
        }
      }),
    );
  });
});
