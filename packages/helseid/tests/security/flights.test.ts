import { describe, expect, it } from "vitest";
import { failure, useService } from "./_service.ts";

const at = useService();

describe("row 11: single flight", () => {
  it("row 11: 10 000 cold callers, one grant, at most two requests, one metadata fetch", async () => {
    const s = at.source();
    const tokens = await Promise.all(Array.from({ length: 10_000 }, () => s.getToken({ scopes: ["a"] })));
    expect(new Set(tokens).size).toBe(1);
    expect(at.sts.count.token).toBeLessThanOrEqual(2);
    expect(at.sts.count.metadata).toBe(1);
  });

  it("row 11: cold callers with different needs share one metadata fetch", async () => {
    const s = at.source();
    await Promise.all(Array.from({ length: 20 }, (_, n) => s.getToken({ scopes: [`s${n}`] })));
    expect(at.sts.count.metadata).toBe(1);
  });

  it("row 11: the abort of the caller that began the metadata fetch does not end it for the others", async () => {
    const s = at.source();
    const leaving = new AbortController();
    const first = s.getToken({ scopes: ["a"], signal: leaving.signal });
    const second = s.getToken({ scopes: ["b"] });
    setImmediate(() => leaving.abort());
    expect((await failure(first)).code).toBe("abort/cancelled");
    await second;
    expect(at.sts.count.metadata).toBe(1);
  });

  it("row 11: a failed flight fails for all and is not kept", async () => {
    const answer = { status: 400, body: JSON.stringify({ error: "invalid_scope" }) };
    at.sts.rules.tokenScript.push(answer);
    const s = at.source();
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => s.getToken({ scopes: ["a"] })));
    expect(results.every((r) => r.status === "rejected")).toBe(true);
    expect(at.sts.count.token).toBe(1);
    await s.getToken({ scopes: ["a"] });
  });

  it("row 11: the abort of one caller, the first, during the token request leaves the others their token", async () => {
    at.sts.rules.nonce = "none";
    const leaving = new AbortController();
    let arrived = (): void => undefined;
    const onTheWay = new Promise<void>((resolve) => (arrived = resolve));
    const s = at.source({
      fetch: async (request) => {
        if (request.method === "POST") {
          arrived();
          await new Promise((resolve) => setTimeout(resolve, 30));
        }
        return globalThis.fetch(request);
      },
    });
    const first = s.getToken({ scopes: ["a"], signal: leaving.signal });
    const others = Array.from({ length: 50 }, () => s.getToken({ scopes: ["a"] }));
    const gone = failure(first);
    await onTheWay;
    leaving.abort();
    expect((await gone).code).toBe("abort/cancelled");
    expect(new Set(await Promise.all(others)).size).toBe(1);
    expect(at.sts.count.token).toBe(1);
  });

  it("row 11: when all have left the request ends too, and nothing of it is kept", async () => {
    let ended = false;
    let arrived = (): void => undefined;
    const onTheWay = new Promise<void>((resolve) => (arrived = resolve));
    let hang = true;
    const s = at.source({
      fetch: (request) => {
        if (request.method !== "POST" || !hang) return globalThis.fetch(request);
        arrived();
        return new Promise((_resolve, reject) => {
          request.signal.addEventListener("abort", () => {
            ended = true;
            reject(request.signal.reason as Error);
          });
        });
      },
    });
    const controllers = Array.from({ length: 3 }, () => new AbortController());
    const calls = controllers.map((c) => failure(s.getToken({ scopes: ["a"], signal: c.signal })));
    await onTheWay;
    for (const c of controllers) c.abort();
    expect((await Promise.all(calls)).map((e) => e.code)).toEqual(Array(3).fill("abort/cancelled"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(true);
    hang = false;
    expect((await s.getToken({ scopes: ["a"] })).tokenType).toBe("DPoP");
  });
});
