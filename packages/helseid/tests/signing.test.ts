import { HelsekontaktError, Personal } from "@helsekontakt/core";
import { beforeEach, describe, expect, it } from "vitest";
import { createSigningFetch, type OutgoingRequest, type TokenSource } from "../src/index.ts";

// What the signing fetch makes of requests, answers and faults; nothing leaves this process.

const url = "https://api.example/a";
let sent: OutgoingRequest[];
let answers: (Response | Error)[];
let discarded: number;
let source: TokenSource;

beforeEach(() => {
  [sent, answers, discarded] = [[], [], 0];
  source = {
    binding: "dpop",
    getToken: async () => ({
      accessToken: new Personal("t"),
      tokenType: "DPoP",
      scopes: [],
      rejectedScopes: [],
      expiresAt: undefined,
    }),
    forget: () => undefined,
    sign: async () => ({}),
    remember: () => undefined,
    async send(request) {
      sent.push(request);
      const answer = answers.shift() ?? new Response("ok");
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
});

/** An answer whose body says when nobody will read it. */
const body = (status: number, headers: Record<string, string> = {}): Response =>
  new Response(new ReadableStream({ cancel: () => void discarded++ }), { status, headers });
const call = (init: RequestInit = {}) => createSigningFetch(source, { scopes: [] })(new Request(url, init));
const nonce = (n: string): Record<string, string> => ({
  "www-authenticate": 'DPoP error="use_dpop_nonce"',
  "dpop-nonce": n,
});

describe("a request", () => {
  it("goes out whole: method, headers, signal, and a body that came in parts", async () => {
    const controller = new AbortController();
    const parts = ReadableStream.from([new Uint8Array([1, 2]), new Uint8Array([3]), new Uint8Array([4, 5, 6])]);
    const init = { method: "POST", headers: { "x-a": "1" }, body: parts, duplex: "half", signal: controller.signal };
    await call(init as RequestInit);
    await call();
    const [post, get] = sent;
    expect([post?.method, post?.url.href, post?.headers.get("x-a")]).toEqual(["POST", url, "1"]);
    expect([...(post?.body ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(get?.body).toBeUndefined();
    controller.abort();
    expect(post?.signal?.aborted).toBe(true);
  });

  it("has a body of 50 MiB at most", async () => {
    const MiB = 1024 * 1024;
    await call({ method: "POST", body: new Uint8Array(50 * MiB) });
    expect(sent[0]?.body?.byteLength).toBe(50 * MiB);
    await expect(call({ method: "POST", body: new Uint8Array(50 * MiB + 1) })).rejects.toMatchObject({
      code: "input/too-large",
    });
    expect(sent).toHaveLength(1);
  });
});

describe("an answer", () => {
  it.each([300, 301, 302, 303, 307, 308, 399])(
    "with status %d is a redirect: not followed, not read",
    async (status) => {
      answers = [body(status)];
      await expect(call()).rejects.toMatchObject({ code: "rest/http-status", context: { httpStatus: status } });
      expect([sent.length, discarded]).toEqual([1, 1]);
    },
  );

  it.each([200, 299, 304, 400, 404, 500])("with status %d is the caller's, unread", async (status) => {
    answers = [status === 304 ? new Response(null, { status }) : body(status)];
    expect((await call()).status).toBe(status);
    expect([sent.length, discarded]).toEqual([1, 0]);
  });

  it("that asks for a nonce is dropped, and the request sent again with it; a third challenge is a fault", async () => {
    answers = [body(401, nonce("n1")), body(401, nonce("n2"))];
    expect((await call()).status).toBe(200);
    expect([sent.map((s) => s.nonce), discarded]).toEqual([[undefined, "n1", "n2"], 2]);
    [sent, discarded] = [[], 0];
    answers = ["n1", "n2", "n3", "n4"].map((n) => body(401, nonce(n)));
    await expect(call()).rejects.toMatchObject({ code: "rest/unauthorized" });
    expect([sent.length, discarded]).toEqual([3, 3]);
  });

  it("whose connection is gone when it is dropped is dropped all the same", async () => {
    const gone = new Response(new ReadableStream({ cancel: () => Promise.reject(new Error("gone")) }), {
      status: 401,
      headers: nonce("n1"),
    });
    answers = [gone];
    expect((await call()).status).toBe(200);
  });
});

describe("a caller's signal", () => {
  const late = (): AbortSignal => AbortSignal.abort(new DOMException("late", "TimeoutError"));
  const hang = (): Promise<never> => new Promise(() => undefined);

  it("that has fired sends nothing", async () => {
    await expect(call({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "abort/cancelled" });
    await expect(call({ signal: late() })).rejects.toBeInstanceOf(HelsekontaktError);
    expect(sent).toEqual([]);
  });

  it.each(["send", "getToken"] as const)("ends the wait for %s: by time or by will", async (part) => {
    source = { ...source, [part]: hang };
    await expect(call({ signal: AbortSignal.timeout(20) })).rejects.toMatchObject({ code: "rest/timeout" });
    const controller = new AbortController();
    const pending = call({ signal: controller.signal });
    controller.abort();
    await expect(pending).rejects.toMatchObject({ code: "abort/cancelled" });
  });

  it("that is a time limit names a token that failed by it so, and leaves other faults as they are", async () => {
    const failed = new HelsekontaktError("auth/token-unavailable", "cut off");
    const controller = new AbortController();
    source = {
      ...source,
      async getToken() {
        controller.abort(new DOMException("late", "TimeoutError"));
        throw failed;
      },
    };
    await expect(call({ signal: controller.signal })).rejects.toMatchObject({ code: "rest/timeout" });
    source = { ...source, getToken: () => Promise.reject(failed) };
    await expect(call()).rejects.toBe(failed);
    answers = [failed];
    source = { ...source, getToken: async () => ({ tokenType: "DPoP" }) as never };
    await expect(call()).rejects.toBe(failed);
  });
});
