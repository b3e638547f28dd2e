import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as main from "../src/index.ts";
import { createLegacySts, type LegacyStsOptions } from "../src/legacy-sts.ts";
import { manualClock } from "./_sts.ts";

// The older service as its page describes it: id and secret in a form, a bearer token, 403 for one that has expired.

const clientSecret = "s3cret+/= with blanks";
let server: Server;
let base: string;
let asked: URLSearchParams[];
let api: string[];
let script: number[];
let apiScript: number[];

beforeEach(async () => {
  [asked, api, script, apiScript] = [[], [], [], []];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const answer = (status: number, value: object): void => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(value));
      };
      if (request.url !== "/sts/Token") {
        api.push(request.headers.authorization ?? "");
        return answer(apiScript.shift() ?? 200, {});
      }
      const form = new URLSearchParams(body);
      asked.push(form);
      const status = script.shift() ?? 200;
      if (status !== 200) return answer(status, { error: "server_error" });
      if (form.get("client_secret") !== clientSecret || form.get("client_id") !== "id")
        return answer(400, { error: "invalid_client", error_description: `refused ${body}` });
      answer(200, { access_token: `token-${asked.length}`, token_type: "Bearer", expires_in: 60 });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

const source = (options: Partial<LegacyStsOptions> = {}) =>
  createLegacySts({
    tokenEndpoint: `${base}/sts/Token`,
    clientId: "id",
    clientSecret,
    allowInsecureLoopback: true,
    random: () => 0,
    ...options,
  });

describe("the older token service", () => {
  it("is no part of the main entry", () => {
    expect(Object.keys(main)).not.toContain("createLegacySts");
  });

  it("gives a bearer token for id and secret, kept and shared, to a signing fetch", async () => {
    const call = main.createSigningFetch(source(), { scopes: [] });
    const answers = await Promise.all([1, 2, 3].map(() => call(new Request(`${base}/api`))));
    expect(answers.map((a) => a.status)).toEqual([200, 200, 200]);
    expect(asked).toHaveLength(1);
    expect(Object.fromEntries(asked[0] ?? [])).toEqual({
      grant_type: "client_credentials",
      client_id: "id",
      client_secret: clientSecret,
    });
    expect(new Set(api)).toEqual(new Set(["Bearer token-1"]));
  });

  it("takes a 403 for an expired token as such, and asks for one new token", async () => {
    const clock = manualClock();
    const call = main.createSigningFetch(source({ clock: { ...clock, now: () => clock.now() } }), {
      scopes: [],
      clock: { now: () => clock.now() + 61_000, sleep: async () => undefined },
    });
    apiScript.push(403);
    expect((await call(new Request(`${base}/api`))).status).toBe(200);
    expect(api).toEqual(["Bearer token-1", "Bearer token-2"]);
  });

  it("tries again what passes, not what does not", async () => {
    script.push(503);
    await source({ clock: manualClock() }).getToken({ scopes: [] });
    expect(asked).toHaveLength(2);
    await expect(source({ clientSecret: "wrong" }).getToken({ scopes: [] })).rejects.toMatchObject({
      code: "auth/token-rejected",
      remoteCode: "invalid_client",
    });
    expect(asked).toHaveLength(3);
  });

  it("shows the secret nowhere", async () => {
    const wrong = source({ clientSecret: "planted-secret" });
    const error: unknown = await wrong.getToken({ scopes: [] }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(Error);
    const text = [
      inspect(error, { depth: 99, showHidden: true }),
      JSON.stringify(error),
      inspect(wrong, { depth: 99 }),
    ];
    expect(text.join()).not.toContain("planted-secret");
  });

  it("refuses what it cannot do, and addresses without https", async () => {
    const organisation = { tenancy: "multi", parent: "999999999" } as const;
    await expect(source().getToken({ scopes: [], organisation })).rejects.toMatchObject({ code: "input/invalid" });
    await expect(
      main.createSigningFetch(source(), { scopes: [], scheme: "dpop" })(new Request(`${base}/api`)),
    ).rejects.toMatchObject({ code: "input/invalid" });
    expect(() => source({ tokenEndpoint: "http://sts.example/sts/Token" })).toThrow("https");
    expect(() => source({ clientSecret: "" })).toThrow("clientSecret");
    expect(asked).toHaveLength(0);
  });

  it("asks for each scope once, and keeps a token for all orders of them, but not for a narrower one", async () => {
    const s = source();
    const first = await s.getToken({ scopes: ["b", "a", "b"] });
    expect(asked[0]?.get("scope")).toBe("b a");
    expect(await s.getToken({ scopes: ["a", "b"] })).toBe(first);
    expect(await s.getToken({ scopes: ["a", "b"], acceptNarrowerScope: true })).not.toBe(first);
    await s.getToken({ scopes: [] });
    expect(asked.map((form) => form.has("scope"))).toEqual([true, true, false]);
    await expect(s.getToken({ scopes: ["a b"] })).rejects.toMatchObject({ code: "input/invalid" });
    s.forget(first);
    expect(await s.getToken({ scopes: ["a", "b"] })).not.toBe(first);
  });

  it("pauses as chance says, and leaves no timer behind", async () => {
    const clock = manualClock();
    script.push(503, 503);
    await source({ clock, random: () => 1 }).getToken({ scopes: [] });
    expect(clock.slept).toEqual([250, 500]);
    const fetch = async (): Promise<Response> => Response.json({ access_token: "t", token_type: "Bearer" });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      await source({ fetch }).getToken({ scopes: [] });
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("ends within the time limit of one request, and of all", async () => {
    const clock = manualClock();
    const fetch = (): Promise<Response> => new Promise(() => undefined);
    const late = { code: "auth/token-unavailable", message: expect.stringMatching(/none in time/) as string };
    await expect(source({ fetch, clock, timeoutMs: 20 }).getToken({ scopes: [] })).rejects.toMatchObject(late);
    expect(clock.slept).toHaveLength(2);
    await expect(source({ fetch, clock, deadlineMs: 20 }).getToken({ scopes: [] })).rejects.toMatchObject(late);
    expect(clock.slept).toHaveLength(2);
  });

  it.each([
    { resource: "r" },
    { sfmJournalId: "1" },
    { details: [] },
    { binding: "dpop" as const },
    { organisation: { tenancy: "single", child: "999999999" } as const },
  ])("refuses %j, and takes a bearer token that is asked for by name", async (more) => {
    await expect(source().getToken({ scopes: [], ...more })).rejects.toMatchObject({ code: "input/invalid" });
    expect((await source().getToken({ scopes: [], binding: "bearer" })).tokenType).toBe("Bearer");
    expect(asked).toHaveLength(1);
  });

  it.each([{ clientId: "" }, { clientId: 7 as never }, { clientSecret: 7 as never }])(
    "refuses the settings %j",
    (change) => {
      expect(() => source(change)).toThrow(expect.objectContaining({ code: "config/invalid" }));
    },
  );
});
