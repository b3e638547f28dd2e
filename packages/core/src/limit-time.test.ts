import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limitTime } from "./limit-time.ts";

describe("limitTime()", () => {
  // Signals that only weak references hold are gone after a collection: everything here runs under constant ones.
  let collecting: NodeJS.Timeout;
  beforeAll(() => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    collecting = setInterval(gc, 3);
  });
  afterAll(() => clearInterval(collecting));

  const never = (): Promise<never> => new Promise(() => {});

  it("ends work that heeds no signal when the time is up", async () => {
    const limit = limitTime(50);
    await expect(limit.race(never())).rejects.toMatchObject({ name: "TimeoutError" });
    expect([limit.timedOut, limit.signal.aborted]).toEqual([true, true]);
  });

  it("ends work when the caller's signal fires, and tells the two apart", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const limit = limitTime(100_000, controller.signal);
    await expect(limit.race(never())).rejects.toMatchObject({ name: "AbortError" });
    expect(limit.timedOut).toBe(false);
    limit.end();
    await expect(limitTime(100_000, controller.signal).race(never())).rejects.toMatchObject({ name: "AbortError" });
  });

  it("gives the work's own outcome", async () => {
    const limit = limitTime(100_000);
    expect(await limit.race(Promise.resolve(7))).toBe(7);
    await expect(limit.race(Promise.reject(new Error("own")))).rejects.toThrow("own");
    limit.end();
    expect(limit.signal.aborted).toBe(false);
  });
});
