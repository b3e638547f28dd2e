import { type Logger, Personal, silentLogger } from "@helsekontakt/core";
import { describe, expect, it, vi } from "vitest";
import type { Token } from "../src/index.ts";
import { createTokenCache, safetyMargin } from "../src/token-cache.ts";
import { manualClock } from "./_sts.ts";

const day = 86_400_000;

/** A cache whose loads count, give tokens of a life, and can be held back or made to fail. */
function counted(life: number | undefined, maxEntries = 10, logger: Logger = silentLogger) {
  const clock = manualClock(1_000_000);
  const cache = createTokenCache({ clock, logger, maxEntries });
  const state = {
    loads: 0,
    life,
    fault: undefined as unknown,
    hold: undefined as Promise<void> | undefined,
    signals: [] as AbortSignal[],
  };
  const load = async (signal: AbortSignal): Promise<Token> => {
    const n = ++state.loads;
    state.signals.push(signal);
    await state.hold;
    if (state.fault !== undefined) throw state.fault;
    return {
      accessToken: new Personal(`token-${n}`),
      tokenType: "DPoP",
      scopes: [],
      rejectedScopes: [],
      expiresAt: state.life === undefined ? undefined : clock.now() + state.life,
    };
  };
  const get = (key = "a", signal?: AbortSignal) => cache.get(key, load, signal);
  const value = async (key = "a") => (await get(key)).accessToken.reveal();
  return { clock, cache, state, get, value };
}
/** Lets what needs no timer come to its end. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("how long a token is given out", () => {
  it.each([
    [0, 5_000],
    [25_000, 5_000],
    [25_005, 5_001],
    [100_000, 20_000],
    [150_000, 30_000],
    [1_000_000, 30_000],
  ])("a life of %d ms has a margin of %d ms", (life, margin) => {
    expect(safetyMargin(life)).toBe(margin);
  });

  it("up to the margin, and not in it", async () => {
    const { clock, state, value } = counted(60_000);
    expect(await value()).toBe("token-1");
    // A renewal that fails leaves the present token.
    state.fault = new Error("down");
    clock.move(47_999);
    expect(await value()).toBe("token-1");
    await settle();
    clock.move(1);
    await expect(value()).rejects.toThrow("down");
  });

  it("not at all when its life is the margin or less, or unknown", async () => {
    for (const life of [5_000, 4_999, 0, -1, undefined]) {
      const { value } = counted(life);
      expect([await value(), await value()]).toEqual(["token-1", "token-2"]);
    }
    const { value } = counted(5_001);
    expect([await value(), await value()]).toEqual(["token-1", "token-1"]);
  });

  it("a day at most, whatever the service says", async () => {
    const { clock, state, value } = counted(10 * day);
    await value();
    state.fault = new Error("down");
    clock.move(day - 30_001);
    expect(await value()).toBe("token-1");
    await settle();
    clock.move(1);
    await expect(value()).rejects.toThrow("down");
  });

  it("not when the clock shows less than when it was kept", async () => {
    const { clock, value } = counted(60_000);
    await value();
    clock.move(-1);
    expect(await value()).toBe("token-2");
    expect(await value()).toBe("token-2");
  });

  it("a token without a life replaces the one that was kept", async () => {
    const { clock, state, value } = counted(60_000);
    await value();
    state.life = undefined;
    clock.move(47_000);
    await value();
    await settle();
    expect(await value()).toBe("token-3");
  });
});

describe("renewal", () => {
  it("begins at 77 % of a token's life, once, and callers get the new token when it is there", async () => {
    const { clock, state, value } = counted(60_000);
    await value();
    clock.move(46_199);
    await value();
    await settle();
    expect(state.loads).toBe(1);
    clock.move(1);
    let release = (): void => undefined;
    state.hold = new Promise((resolve) => (release = resolve));
    expect([await value(), await value(), await value()]).toEqual(["token-1", "token-1", "token-1"]);
    expect(state.loads).toBe(2);
    release();
    await settle();
    expect(await value()).toBe("token-2");
    expect(state.loads).toBe(2);
  });

  it("that fails is tried again after 5 seconds and not before; the log says the code only", async () => {
    const warn = vi.fn();
    const { clock, state, value } = counted(60_000, 10, { ...silentLogger, warn });
    await value();
    state.fault = Object.assign(new Error("SECRET"), { code: "auth/token-unavailable" });
    clock.move(46_200);
    await value();
    await settle();
    expect(state.loads).toBe(2);
    expect(warn.mock.calls).toEqual([[expect.any(String), { code: "auth/token-unavailable" }]]);
    for (const [move, loads] of [
      [0, 2],
      [1_700, 2],
    ] as const) {
      clock.move(move);
      await value();
      await settle();
      expect(state.loads).toBe(loads);
    }
    const long = counted(600_000);
    await long.value();
    long.state.fault = new Error("down");
    long.clock.move(462_000);
    await long.value();
    await settle();
    long.clock.move(4_999);
    await long.value();
    await settle();
    expect(long.state.loads).toBe(2);
    long.clock.move(1);
    await long.value();
    await settle();
    expect(long.state.loads).toBe(3);
  });

  it("goes on when a caller that came to it has left", async () => {
    const { clock, state, get, value } = counted(60_000);
    await value();
    clock.move(46_200);
    let release = (): void => undefined;
    state.hold = new Promise((resolve) => (release = resolve));
    await value();
    // The token's time is over before its renewal ends: this caller waits for it, and leaves.
    clock.move(2_000);
    const controller = new AbortController();
    const waiting = get("a", controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: "abort/cancelled" });
    expect(state.signals[1]?.aborted).toBe(false);
    release();
    await settle();
    expect(await value()).toBe("token-2");
  });
});

describe("callers that share a request", () => {
  it("end it only when all have left by their own will", async () => {
    const { state, get } = counted(60_000);
    state.hold = new Promise(() => undefined);
    const [a, b] = [new AbortController(), new AbortController()];
    const both = [get("a", a.signal), get("a", b.signal)].map((p) => p.catch((e: unknown) => e));
    a.abort();
    expect(await both[0]).toMatchObject({ code: "abort/cancelled" });
    expect(state.signals[0]?.aborted).toBe(false);
    b.abort();
    expect(await both[1]).toMatchObject({ code: "abort/cancelled" });
    expect([state.loads, state.signals[0]?.aborted]).toEqual([1, true]);
    // Who comes then starts anew.
    state.hold = undefined;
    expect((await get("a")).accessToken.reveal()).toBe("token-2");
  });

  it("do not end a request that another shares without a signal, nor a later one", async () => {
    const { state, get } = counted(60_000);
    let release = (): void => undefined;
    state.hold = new Promise((resolve) => (release = resolve));
    const stays = get("a");
    const controller = new AbortController();
    const leaves = get("a", controller.signal);
    controller.abort();
    await expect(leaves).rejects.toMatchObject({ code: "abort/cancelled" });
    expect(state.signals[0]?.aborted).toBe(false);
    release();
    expect((await stays).accessToken.reveal()).toBe("token-1");
  });

  it("that came aborted ask for nothing", async () => {
    const { state, get, value } = counted(60_000);
    await expect(get("a", AbortSignal.abort())).rejects.toMatchObject({ code: "abort/cancelled" });
    expect(state.loads).toBe(0);
    await value();
    await expect(get("a", AbortSignal.abort())).rejects.toMatchObject({ code: "abort/cancelled" });
  });

  it("all hear of its failure; the next asks again", async () => {
    const { state, get, value } = counted(60_000);
    state.fault = new Error("down");
    const results = await Promise.allSettled([get(), get()]);
    expect(results.map((r) => r.status)).toEqual(["rejected", "rejected"]);
    expect(state.loads).toBe(1);
    state.fault = undefined;
    expect(await value()).toBe("token-2");
  });

  it("a request that was left does not disturb the one that came after it", async () => {
    const { state, get, value } = counted(60_000);
    let releaseFirst = (): void => undefined;
    state.hold = new Promise((resolve) => (releaseFirst = resolve));
    const controller = new AbortController();
    const left = get("a", controller.signal).catch(() => undefined);
    controller.abort();
    await left;
    let releaseSecond = (): void => undefined;
    state.hold = new Promise((resolve) => (releaseSecond = resolve));
    const second = get("a");
    await settle();
    state.fault = new Error("aborted");
    releaseFirst();
    await settle();
    state.fault = undefined;
    // The second still is the one that all share.
    const third = get("a");
    releaseSecond();
    expect((await second).accessToken.reveal()).toBe("token-2");
    expect(await third).toBe(await second);
    expect(state.loads).toBe(2);
    expect(await value()).toBe("token-2");
  });
});

describe("what is kept", () => {
  it("is bounded; the token unused longest goes first", async () => {
    const { state, value } = counted(60_000, 2);
    await value("a");
    await value("b");
    expect(await value("a")).toBe("token-1");
    await value("c");
    expect(state.loads).toBe(3);
    expect(await value("a")).toBe("token-1");
    expect(await value("c")).toBe("token-3");
    expect(await value("b")).toBe("token-4");
  });

  it("makes no room for a token that has its place already", async () => {
    const { clock, state, value } = counted(60_000, 2);
    await value("a");
    await value("b");
    clock.move(46_200);
    await value("b");
    await settle();
    expect(state.loads).toBe(3);
    state.hold = new Promise(() => undefined);
    expect(await value("a")).toBe("token-1");
  });

  it("is forgotten by its value, and nothing else with it", async () => {
    const { cache, get, value } = counted(60_000);
    const first = await get("a");
    await value("b");
    cache.forget({ ...first });
    expect(await value("b")).toBe("token-2");
    expect(await value("a")).toBe("token-3");
    cache.forget(first);
    expect(await value("a")).toBe("token-3");
  });
});
