import { describe, expect, it, vi } from "vitest";
import { systemClock, throwIfAborted, waitFor } from "./clock.ts";
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

describe("waitFor()", () => {
  it("gives what the work gives, with a signal or without", async () => {
    const { signal } = new AbortController();
    expect(await waitFor(Promise.resolve(1), undefined)).toBe(1);
    expect(await waitFor(Promise.resolve(1), signal)).toBe(1);
    await expect(waitFor(Promise.reject(new Error("x")), signal)).rejects.toThrow("x");
  });

  it("ends this wait on the signal, and not the work", async () => {
    const controller = new AbortController();
    let finish: (value: number) => void = () => {};
    const work = new Promise<number>((resolve) => {
      finish = resolve;
    });
    const wait = waitFor(work, controller.signal);
    controller.abort();
    await expect(wait).rejects.toThrow("[abort/cancelled]");
    await expect(waitFor(work, controller.signal)).rejects.toThrow("[abort/cancelled]");
    finish(2);
    expect(await work).toBe(2);
  });
});
