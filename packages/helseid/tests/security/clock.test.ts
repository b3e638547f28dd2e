import { type LogFields, silentLogger } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { manualClock } from "../_sts.ts";
import { failure, useService } from "./_service.ts";

const at = useService();

describe("row 06: clock", () => {
  it.each([5, -5, 30, -30, 120, -120, 3600, -3600])("row 06: HelseID's clock %i s away from ours", async (seconds) => {
    at.sts.rules.clockAhead = seconds;
    const s = at.source();
    await s.getToken({ scopes: ["a"] });
    const first = at.sts.count.token;
    expect(first).toBeLessThanOrEqual(3);
    await s.getToken({ scopes: ["b"] });
    expect(at.sts.count.token - first).toBe(1);
  });

  it("row 06: a clock that cannot be right is corrected once, never in a loop", async () => {
    const answer = (date: string) => ({
      status: 400,
      headers: { Date: date },
      body: JSON.stringify({ error: "invalid_client" }),
    });
    for (let n = 1; n < 10; n++) at.sts.rules.tokenScript.push(answer(new Date(n * 1e11).toUTCString()));
    expect((await failure(at.source().getToken({ scopes: ["a"] }))).remoteCode).toBe("invalid_client");
    expect(at.sts.count.token).toBe(2);
  });

  it.each([3_600_000, 86_400_000])("row 06: our clock is set back by %i ms: no token outlives that", async (ms) => {
    const clock = manualClock();
    const s = at.source({ clock });
    const first = await s.getToken({ scopes: ["a"] });
    clock.move(-ms);
    const before = at.sts.count.token;
    const second = await s.getToken({ scopes: ["a"] });
    expect(second).not.toBe(first);
    // Refused for its old times, corrected once from the service's clock.
    expect(at.sts.count.token - before).toBeLessThanOrEqual(2);
    expect(await s.getToken({ scopes: ["a"] })).toBe(second);
  });

  it("row 06: our clock is set right again: corrected once more, not in a loop", async () => {
    const clock = manualClock(Date.now() - 3_600_000);
    const s = at.source({ clock });
    await s.getToken({ scopes: ["a"] });
    clock.move(3_600_000);
    const before = at.sts.count.token;
    await s.getToken({ scopes: ["b"] });
    expect(at.sts.count.token - before).toBeLessThanOrEqual(2);
    await s.getToken({ scopes: ["c"] });
    expect(at.sts.count.token - before).toBeLessThanOrEqual(3);
  });

  it.each([
    ["summer time ends", "2026-10-25T00:59:30Z"],
    ["summer time begins", "2027-03-28T00:59:30Z"],
    ["a leap second", "2016-12-31T23:59:30Z"],
    ["a new year", "2026-12-31T22:59:30Z"],
  ])("row 06: %s in Norway: times stay seconds since 1970, nothing is refused", async (_name, start) => {
    const zone = process.env["TZ"];
    process.env["TZ"] = "Europe/Oslo";
    try {
      const clock = manualClock(Date.parse(start));
      const s = at.source({ clock });
      for (let n = 0; n < 4; n++) {
        at.sts.rules.clockAhead = Math.round((clock.now() - Date.now()) / 1000);
        await s.getToken({ scopes: [`s${n}`] });
        const { iat, nbf, exp } = at.sts.tokenCalls.at(-1)?.claims ?? {};
        const now = Math.floor(clock.now() / 1000);
        expect([iat, nbf, exp]).toEqual([now, now, now + 30]);
        clock.move(20_000);
      }
      expect(at.sts.count.token).toBe(5);
    } finally {
      if (zone === undefined) delete process.env["TZ"];
      else process.env["TZ"] = zone;
    }
  });

  it.each(["Sat, 31 Dec 2016 23:59:60 GMT", "Sat, 31 Dec 2016 23:59:59 GMT"])(
    "row 06: a Date at a leap second, %s, corrects once at most and ends",
    async (date) => {
      const answer = { status: 400, headers: { Date: date }, body: JSON.stringify({ error: "invalid_client" }) };
      at.sts.rules.tokenScript.push(answer, answer, answer);
      const clock = manualClock(Date.parse("2016-12-31T22:00:00Z"));
      const corrections: unknown[] = [];
      const logger = {
        ...silentLogger,
        warn: (_text: string, fields?: LogFields) => corrections.push(fields?.["seconds"]),
      };
      expect((await failure(at.source({ clock, logger }).getToken({ scopes: ["a"] }))).remoteCode).toBe(
        "invalid_client",
      );
      expect(corrections).toEqual([7_199]);
      expect(at.sts.count.token).toBe(2);
    },
  );

  it.each(["tomorrow", ""])("row 06: a Date of %j corrects nothing and ends at once", async (date) => {
    const answer = { status: 400, headers: { Date: date }, body: JSON.stringify({ error: "invalid_client" }) };
    at.sts.rules.tokenScript.push(answer, answer, answer);
    expect((await failure(at.source().getToken({ scopes: ["a"] }))).remoteCode).toBe("invalid_client");
    expect(at.sts.count.token).toBe(1);
  });
});
