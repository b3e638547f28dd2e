import { describe, expect, it } from "vitest";
import { createSigningFetch } from "../../src/index.ts";
import { manualClock } from "../_sts.ts";
import { sourceOf, startHelseid } from "./_wire.ts";

describe("row 19: soak", () => {
  it("row 19: one simulated hour with faults in 10 % of HelseID's answers: 99.9 % of calls succeed", async () => {
    const clock = manualClock();
    const helseid = await startHelseid({ now: clock.now });
    try {
      let seed = 19;
      const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
      const { token } = helseid.service.faults;
      token.random = random;
      const call = createSigningFetch(sourceOf(helseid, { clock, random }), { scopes: [helseid.api.scope], clock });
      const end = clock.now() + 3_600_000;
      const kinds = [
        { kind: "status", status: 503 },
        { kind: "outage" },
        { kind: "status", status: 429, retryAfter: "1" },
      ] as const;
      let [good, bad] = [0, 0];
      while (clock.now() < end) {
        token.standing = { fault: kinds[(good + bad) % kinds.length] as (typeof kinds)[number], share: 0.1 };
        const status = await call(new Request(`${helseid.api.baseUrl}/x`)).then(
          async (r) => (await r.text(), r.status),
          () => 0,
        );
        if (status === 200) good++;
        else bad++;
        clock.move(2_000);
      }
      expect(good + bad).toBeGreaterThan(1_500);
      expect(bad / (good + bad)).toBeLessThanOrEqual(0.001);
      // A token lives a minute: 60 lifetimes in the hour, at most 1.3 grants in each.
      expect(helseid.service.issued).toBeLessThanOrEqual(78);
    } finally {
      await helseid.close();
    }
  });
});
