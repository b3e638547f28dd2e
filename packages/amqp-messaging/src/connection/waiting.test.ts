import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Waiting } from "./waiting.ts";

describe("Waiting", () => {
  it("is what a plain list would be, whatever is done to it", () => {
    const step = fc.oneof(
      fc.constant({ kind: "push" as const }),
      fc.constant({ kind: "shift" as const }),
      fc.record({ kind: fc.constant("remove" as const), at: fc.nat(30) }),
      fc.record({ kind: fc.constant("putBack" as const), count: fc.nat(3) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const waiting = new Waiting<{ readonly n: number }>();
        let list: { readonly n: number }[] = [];
        let n = 0;
        for (const s of steps) {
          if (s.kind === "push") {
            const item = { n: n++ };
            waiting.push(item);
            list.push(item);
          } else if (s.kind === "shift" && waiting.first() !== undefined) {
            waiting.shift();
            list.shift();
          } else if (s.kind === "remove") {
            const item = list[s.at];
            if (item !== undefined) expect(waiting.remove(item)).toBe(true);
            list = list.filter((i) => i !== item);
          } else if (s.kind === "putBack") {
            const items = Array.from({ length: s.count }, () => ({ n: n++ }));
            waiting.putBack(items);
            list.unshift(...items);
          }
          expect([waiting.size, waiting.first()]).toEqual([list.length, list[0]]);
        }
        expect(waiting.clear()).toEqual(list);
        expect(waiting.size).toBe(0);
      }),
    );
  });
});
