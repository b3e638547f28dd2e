import { silentLogger } from "@helsekontakt/core";
import { describe, expect, it, vi } from "vitest";
import { createMetadataCache } from "../src/metadata.ts";
import { manualClock } from "./_sts.ts";

const day = 86_400_000;
const issuer = new URL("https://sts.example");
const good = { issuer: "https://sts.example", token_endpoint: "https://sts.example/connect/token" };

/** A cache with a service that answers what `answers` says, in turn; the last one again and again. */
function cacheWith(...answers: (() => Response | Promise<Response>)[]) {
  return cacheWithin(60_000, ...answers);
}
function cacheWithin(timeoutMs: number, ...answers: (() => Response | Promise<Response>)[]) {
  const clock = manualClock(1_000_000);
  let calls = 0;
  const cache = createMetadataCache({
    issuer,
    clock,
    logger: silentLogger,
    allowInsecureLoopback: false,
    timeoutMs,
  });
  const get = () =>
    cache.get(async () => {
      const next = answers[Math.min(calls++, answers.length - 1)];
      if (next === undefined) throw new Error("expected an answer");
      return next();
    });
  return { clock, cache, get, calls: () => calls };
}
const answer =
  (body: unknown, status = 200) =>
  () =>
    Response.json(body, { status });
const fault = () => Promise.reject(new TypeError("fetch failed"));

describe("the issuer's metadata", () => {
  it("is kept for 24 hours to the millisecond", async () => {
    const { clock, get, calls } = cacheWith(answer(good));
    expect((await get()).token_endpoint).toBe(good.token_endpoint);
    clock.move(day - 1);
    await get();
    expect(calls()).toBe(1);
    clock.move(1);
    await get();
    expect(calls()).toBe(2);
  });

  it("serves on when a refresh fails, which is tried again after a minute", async () => {
    const { clock, get, calls } = cacheWith(
      answer(good),
      fault,
      answer({ ...good, jwks_uri: "https://sts.example/j" }),
    );
    await get();
    clock.move(day);
    expect(await get()).toMatchObject(good);
    clock.move(59_999);
    expect((await get()).jwks_uri).toBeUndefined();
    expect(calls()).toBe(2);
    clock.move(1);
    expect((await get()).jwks_uri).toBe("https://sts.example/j");
    expect(calls()).toBe(3);
  });

  it("serves on when the service says that it is busy", async () => {
    const { clock, get, calls } = cacheWith(answer(good), answer({}, 503));
    await get();
    clock.move(day);
    expect(await get()).toMatchObject(good);
    expect(calls()).toBe(2);
  });

  it("leaves no timer behind", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      await cacheWith(answer(good)).get();
      await expect(cacheWith(fault).get()).rejects.toThrow();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is asked for again after a fault, when there is none to serve on", async () => {
    const { get, calls } = cacheWith(fault, answer(good));
    await expect(get()).rejects.toThrow("fetch failed");
    expect(await get()).toMatchObject(good);
    expect(calls()).toBe(2);
  });

  it("is fetched once for all who ask at the same time", async () => {
    const { get, calls } = cacheWith(answer(good));
    await Promise.all([get(), get(), get()]);
    expect(calls()).toBe(1);
  });

  it("is asked for again when it is said to be old, and not before there is any", async () => {
    const { cache, get, calls } = cacheWith(answer(good));
    cache.expire();
    await get();
    cache.expire();
    await get();
    expect(calls()).toBe(2);
  });

  it("is waited for no longer than the time limit", async () => {
    const { get } = cacheWithin(20, () => new Promise(() => undefined));
    await expect(get()).rejects.toMatchObject({ name: "TimeoutError" });
  });

  it.each([408, 429, 500, 503])("HTTP status %d may pass", async (status) => {
    await expect(cacheWith(answer({}, status)).get()).rejects.toMatchObject({
      code: "auth/token-unavailable",
      context: { httpStatus: status },
    });
  });

  it.each([400, 404, 407, 428, 430, 499])("HTTP status %d does not", async (status) => {
    await expect(cacheWith(answer({}, status)).get()).rejects.toMatchObject({
      code: "auth/metadata-invalid",
      context: { httpStatus: status },
    });
  });

  it.each([
    ["another issuer", { ...good, issuer: "https://other.example" }],
    ["no token endpoint", { issuer: good.issuer }],
    ["a token endpoint that is no text", { ...good, token_endpoint: 7 }],
    ["a token endpoint that is no address", { ...good, token_endpoint: "connect/token" }],
    ["a token endpoint on another host", { ...good, token_endpoint: "https://other.example/token" }],
    ["a token endpoint without https", { ...good, token_endpoint: "http://sts.example/token" }],
  ])("with %s is refused, also in place of a good one", async (_name, body) => {
    await expect(cacheWith(answer(body)).get()).rejects.toMatchObject({ code: "auth/metadata-invalid" });
    const { clock, get } = cacheWith(answer(good), answer(body));
    await get();
    clock.move(day);
    await expect(get()).rejects.toMatchObject({ code: "auth/metadata-invalid" });
  });

  it("of a service without https is refused even where loopback is allowed for others", async () => {
    const plain = { issuer: "http://127.0.0.1", token_endpoint: "http://127.0.0.1/token" };
    const options = { clock: manualClock(), logger: silentLogger, timeoutMs: 1_000, issuer: new URL(plain.issuer) };
    const cache = createMetadataCache({ ...options, allowInsecureLoopback: true });
    expect(await cache.get(async () => Response.json(plain))).toMatchObject(plain);
    const strict = createMetadataCache({ ...options, allowInsecureLoopback: false });
    await expect(strict.get(async () => Response.json(plain))).rejects.toThrow();
  });
});
