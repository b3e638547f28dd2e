import { describe, expect, it, vi } from "vitest";
import { systemClock, throwIfAborted } from "./clock.ts";
import { HelsekontaktError } from "./error.ts";

describe("systemClock", () => {
  it("tells the time and wakes after exactly what was asked for", async () => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
    try {
      expect(systemClock.now()).toBe(1_800_000_000_000);
      let awake = false;
      const sleeping = systemClock.sleep(5_000).then(() => {
        awake = true;
      });
      await vi.advanceTimersByTimeAsync(4_999);
      expect(awake).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      await sleeping;
      expect(awake).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  it("ends the wait when the signal fires, before or during it, with the reason kept behind the error", async () => {
    const stop = new AbortController();
    const waiting = systemClock.sleep(60_000, stop.signal);
    stop.abort("why");
    for (const work of [waiting, systemClock.sleep(60_000, stop.signal)]) {
      const reason: unknown = await work.catch((r: unknown) => r);
      expect(reason).toBeInstanceOf(HelsekontaktError);
      expect((reason as HelsekontaktError).message).toBe("[abort/cancelled] the wait was cancelled");
      expect((reason as HelsekontaktError).original()).toBe("why");
    }
  });

  it("leaves no listener on a signal that outlives the wait", async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args));
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args));
    await systemClock.sleep(1, signal);
    expect(listeners).toBe(0);
  });
});

describe("throwIfAborted()", () => {
  it("throws only for a signal that has fired", () => {
    expect(() => throwIfAborted(undefined)).not.toThrow();
    expect(() => throwIfAborted(new AbortController().signal)).not.toThrow();
    expect(() => throwIfAborted(AbortSignal.abort())).toThrow("[abort/cancelled] the call was cancelled");
  });
});
