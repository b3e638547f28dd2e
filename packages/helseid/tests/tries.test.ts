import { HelsekontaktError, Personal, silentLogger } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import type { SeenAnswer } from "../src/http.ts";
import type { Token } from "../src/index.ts";
import { withTries } from "../src/tries.ts";
import { manualClock } from "./_sts.ts";

const token = { accessToken: new Personal("t") } as Token;
const passing = () => new HelsekontaktError("auth/token-unavailable", "passes", { retryable: true });

/** Runs tries that fail `failures` times. */
function run(failures: number, change: { error?: () => unknown; retryAfter?: string; random?: number } = {}) {
  const clock = manualClock();
  let count = 0;
  const settings = { clock, logger: silentLogger, random: () => change.random ?? 0, deadlineMs: 60_000 };
  const once = async (_signal: AbortSignal, seen: { last?: SeenAnswer }): Promise<Token> => {
    if (count++ >= failures) return token;
    if (change.retryAfter !== undefined) seen.last = { status: 503, retryAfter: change.retryAfter } as SeenAnswer;
    throw (change.error ?? passing)();
  };
  return { clock, count: () => count, done: withTries(settings, { scopes: [] }, new AbortController().signal, once) };
}

describe("the tries of one token", () => {
  it("are three at most", async () => {
    const two = run(2);
    expect(await two.done).toBe(token);
    expect(two.count()).toBe(3);
    const three = run(3);
    await expect(three.done).rejects.toMatchObject({ code: "auth/token-unavailable" });
    expect([three.count(), three.clock.slept.length]).toEqual([3, 2]);
  });

  it("end at once with a fault that does not pass", async () => {
    const one = run(1, { error: () => new HelsekontaktError("auth/token-rejected", "no", { retryable: false }) });
    await expect(one.done).rejects.toMatchObject({ code: "auth/token-rejected" });
    expect(one.count()).toBe(1);
  });

  it("explain a fault that is none of ours", async () => {
    const one = run(3, { error: () => new DOMException("late", "TimeoutError") });
    await expect(one.done).rejects.toMatchObject({
      code: "auth/token-unavailable",
      message: expect.stringMatching(/none in time/) as string,
    });
  });

  it("come after pauses that double, times what chance says", async () => {
    const full = run(2, { random: 1 });
    await full.done;
    expect(full.clock.slept).toEqual([250, 500]);
    const half = run(2, { random: 0.5 });
    await half.done;
    expect(half.clock.slept).toEqual([125, 250]);
  });

  it("wait as long as the service says, up to 20 seconds", async () => {
    const patient = run(1, { retryAfter: "20" });
    expect(await patient.done).toBe(token);
    expect(patient.clock.slept).toEqual([20_000]);
    const long = run(1, { retryAfter: "21" });
    await expect(long.done).rejects.toMatchObject({ code: "auth/token-unavailable" });
    expect([long.count(), long.clock.slept]).toEqual([1, []]);
  });

  it("end with the deadline, also when a try never ends", async () => {
    const settings = { clock: manualClock(), logger: silentLogger, random: () => 0, deadlineMs: 30 };
    let count = 0;
    const hanging = withTries(settings, { scopes: [] }, new AbortController().signal, () => {
      count++;
      return new Promise(() => undefined);
    });
    await expect(hanging).rejects.toMatchObject({
      code: "auth/token-unavailable",
      message: expect.stringMatching(/none in time/) as string,
    });
    expect(count).toBe(1);
  });

  it.each(["while it is asked for", "in the pause"])("end with the caller's abort %s", async (when) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const clock = {
      now: () => 0,
      sleep: (_ms: number, signal?: AbortSignal) =>
        new Promise<void>((_resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason as Error));
          controller.abort(reason);
        }),
    };
    const settings = { clock, logger: silentLogger, random: () => 0, deadlineMs: 60_000 };
    const asked = withTries(settings, { scopes: [] }, controller.signal, async () => {
      if (when === "while it is asked for") controller.abort(reason);
      throw passing();
    });
    await expect(asked).rejects.toMatchObject({ code: "abort/cancelled" });
  });

  it("end with an abort that comes while the fault is looked at", async () => {
    const controller = new AbortController();
    let count = 0;
    const settings = { clock: manualClock(), logger: silentLogger, random: () => 0, deadlineMs: 60_000 };
    const reason = {
      get name() {
        controller.abort();
        return "Error";
      },
    };
    const asked = withTries(settings, { scopes: [] }, controller.signal, () => {
      count++;
      return Promise.reject(reason as Error);
    });
    await expect(asked).rejects.toMatchObject({ code: "abort/cancelled" });
    expect([count, settings.clock.slept]).toEqual([1, []]);
  });

  it("end with the fault when the deadline comes in the pause", async () => {
    const clock = { now: () => 0, sleep: () => Promise.reject(new Error("the deadline")) };
    const settings = { clock, logger: silentLogger, random: () => 0, deadlineMs: 60_000 };
    const asked = withTries(settings, { scopes: [] }, new AbortController().signal, () => Promise.reject(passing()));
    await expect(asked).rejects.toMatchObject({
      code: "auth/token-unavailable",
      message: expect.stringMatching(/passes/) as string,
    });
  });
});
