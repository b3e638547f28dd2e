import type { PostgresPool } from "kysely";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PostgresBell } from "./postgres-bell.ts";

/** What was told, as the database got it. */
function poolOf(told: string[][], fails = false): PostgresPool {
  const client = {
    async query(_text: string, [, message]: [string, string]) {
      if (fails) throw new Error("no connection");
      told.push((JSON.parse(message) as string[]).slice(1));
    },
    release() {},
    on() {},
  };
  return { options: {}, connect: async () => client, end: async () => {} } as unknown as PostgresPool;
}

describe("PostgresBell", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("tells a single change within the time in which changes are gathered", async () => {
    const told: string[][] = [];
    const bell = new PostgresBell(poolOf(told), "c");
    bell.ring(["outbox"]);
    await vi.advanceTimersByTimeAsync(10);
    expect(told).toEqual([["outbox"]]);
    await bell.close();
  });

  it("tells of a stream of changes ten times a second, of each one, and of the last one too", async () => {
    const told: string[][] = [];
    const bell = new PostgresBell(poolOf(told), "c");
    for (let i = 0; i < 200; i++) {
      bell.ring([`m${i}`]);
      await vi.advanceTimersByTimeAsync(5);
    }
    expect(told.length).toBeLessThanOrEqual(11);
    await vi.advanceTimersByTimeAsync(100);
    expect(told.flat()).toEqual(Array.from({ length: 200 }, (_, i) => `m${i}`));
    await bell.close();
  });

  it("goes on behind a telling that failed", async () => {
    const bell = new PostgresBell(poolOf([], true), "c");
    bell.ring(["a"]);
    await vi.advanceTimersByTimeAsync(200);
    bell.ring(["b"]);
    await vi.advanceTimersByTimeAsync(200);
    await expect(bell.close()).resolves.toBeUndefined();
  });
});
