// Over 400 lines: every step of one rotation, with the same store and the same service.
import { HelsekontaktError } from "@helsekontakt/core";
import { beforeEach, describe, expect, it } from "vitest";
import {
  activeKeyExpiry,
  createKeyRotation,
  type KeyRegistry,
  type KeyRotationOptions,
  type KeyStore,
  type PublicJwk,
  type RegisteredKey,
  storedClientKey,
  type StoredKey,
} from "../src/index.ts";
import { describeKey, generateKey, publicJwk } from "../src/rotation/jwk.ts";
import { makeKey, manualClock } from "./_sts.ts";

// A rotation between a store, a register and a token service that are all in this process; that real ones are killed, late
// or at odds is in security/rotation.test.ts.

const day = 86_400_000;
const issuer = "https://sts.example";

/** A store in memory that counts what is saved. */
function memoryStore(): KeyStore & { keys: readonly StoredKey[]; saves: number } {
  return {
    keys: [],
    saves: 0,
    async load() {
      return { keys: this.keys };
    },
    async save({ keys }) {
      this.saves++;
      this.keys = keys;
    },
    exclusive: (work) => work(),
  };
}

let store: ReturnType<typeof memoryStore>;
let clock: ReturnType<typeof manualClock>;
/** What HelseID lists, and what it does with its next calls. */
let listed: RegisteredKey[];
let faults: { list?: unknown; register?: unknown; registerAnyway?: boolean; tokens: number };
let calls: string[];

beforeEach(() => {
  store = memoryStore();
  clock = manualClock(1_700_000_000_000);
  listed = [];
  faults = { tokens: 0 };
  calls = [];
});

/** Takes every assertion, after `faults.tokens` refusals. */
async function tokenService(request: Request): Promise<Response> {
  if (request.method === "GET") return Response.json({ issuer, token_endpoint: `${issuer}/token` });
  const form = new URLSearchParams(await request.text());
  calls.push(`token ${form.get("scope")}`);
  if (faults.tokens-- > 0) return Response.json({ error: "invalid_client" }, { status: 400 });
  return Response.json({ access_token: "t", token_type: "DPoP", expires_in: 60 });
}

const registry: KeyRegistry = {
  async listKeys() {
    calls.push("list");
    if (faults.list !== undefined) throw faults.list;
    return listed;
  },
  async registerKey(key: PublicJwk) {
    calls.push(`register ${key.kid}`);
    const { thumbprint } = describeKey({ ...store.keys.find((k) => k.kid === key.kid)?.jwk }, 0);
    if (faults.register === undefined || faults.registerAnyway)
      listed = [...listed, { kid: key.kid, thumbprint, expiresAt: clock.now() + 365 * day }];
    if (faults.register !== undefined) throw faults.register;
    return { expiresAt: clock.now() + 365 * day };
  },
};

const rotation = (change: Partial<KeyRotationOptions> = {}) =>
  createKeyRotation({
    store,
    algorithm: "ES256",
    source: { issuer, clientId: "c", fetch: tokenService, clock, random: () => 0 },
    registry: () => registry,
    clock,
    ...change,
  });

const states = () => store.keys.map((k) => [k.kid, k.state]);
const rejected = () =>
  new HelsekontaktError("auth/token-rejected", "no", { remoteCode: "invalid_client", retryable: false });

describe("a rotation", () => {
  it("without any key says so, and makes none", async () => {
    await expect(rotation().rotate()).rejects.toMatchObject({ code: "config/missing" });
    expect([store.keys, calls]).toEqual([[], []]);
  });

  it("notes what the list says of the old key before it registers the next", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    listed = [{ kid: "old", expiresAt: 9 }];
    await rotation().rotate();
    expect(store.keys[0]).toMatchObject({ kid: "old", state: "retiring", expiresAt: 9 });
  });

  it("ends a verification that its caller leaves", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    const controller = new AbortController();
    const fetch = (request: Request): Promise<Response> => {
      if (request.method === "GET") return tokenService(request);
      controller.abort();
      return new Promise(() => undefined);
    };
    const source = { issuer, clientId: "c", fetch, clock, random: () => 0, timeoutMs: 5_000 };
    await expect(rotation({ source }).rotate({ signal: controller.signal })).rejects.toMatchObject({
      code: "abort/cancelled",
    });
    expect(states().map(([, s]) => s)).toEqual(["active", "registered"]);
  });

  it("goes step by step, and says what it did", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    const seen: string[] = [];
    const report = await rotation({ onStep: (s) => seen.push(s) }).rotate();
    expect(report).toEqual({
      steps: ["generate", "store", "list", "register", "verify", "switch", "forget"],
      active: store.keys[1]?.kid,
      previous: "old",
      forgotten: [],
      resumed: false,
    });
    expect(seen).toEqual(report.steps);
    expect(states()).toEqual([
      ["old", "retiring"],
      [report.active, "active"],
    ]);
    expect(store.keys[0]?.forgetAt).toBe(clock.now() + day);
    expect(store.keys[1]).toMatchObject({ expiresAt: clock.now() + 365 * day, createdAt: clock.now(), alg: "ES256" });
    expect(store.keys[1]).not.toHaveProperty("forgetAt");
    expect(calls).toEqual(["list", `register ${report.active}`, "token nhn:selvbetjening/client"]);
  });

  it("forgets an old key in the millisecond when its time is over, and saves only then", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    await rotation({ overlapMs: 1_000 }).rotate();
    clock.move(999);
    const saves = store.saves;
    expect((await rotation({ overlapMs: 1 }).rotate()).forgotten).toEqual([]);
    // Created, known to be registered, switched: nothing to forget, nothing to save for it.
    expect(store.saves - saves).toBe(3);
    clock.move(1);
    const { forgotten } = await rotation().rotate();
    expect(forgotten).toHaveLength(2);
    expect(forgotten[0]).toBe("old");
    expect(store.keys.map((k) => k.state)).toEqual(["retiring", "active"]);
  });

  it("goes on with a key that waits: registered before created", async () => {
    const [old, made, known] = [
      await makeKey("ES256", "old"),
      await makeKey("ES256", "a"),
      await makeKey("ES256", "b"),
    ];
    await rotation().adopt(old);
    const waiting = [made, known].map((k) => describeKey(k, 1));
    store.keys = [...store.keys, waiting[0] as StoredKey, { ...(waiting[1] as StoredKey), state: "registered" }];
    const report = await rotation().rotate();
    expect(report).toMatchObject({ active: "b", resumed: true, steps: ["verify", "switch", "forget"] });
    expect(states()).toEqual([
      ["old", "retiring"],
      ["a", "created"],
      ["b", "active"],
    ]);
    expect(await rotation().rotate()).toMatchObject({ active: "a", previous: "b", resumed: true });
  });

  it("registers nothing twice: a key that is listed is taken as registered", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    const next = describeKey(await makeKey("ES256", "next"), 1);
    store.keys = [...store.keys, next];
    listed = [{ kid: "next", expiresAt: 77 }];
    await rotation().rotate();
    expect(calls).toEqual(["list", "token nhn:selvbetjening/client"]);
    expect(store.keys[1]).toMatchObject({ kid: "next", state: "active", expiresAt: 77 });
  });

  it("takes a registration whose answer was lost from the list, and gives up one that is not there", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    faults = { ...faults, register: new Error("lost"), registerAnyway: true };
    const { active } = await rotation().rotate();
    expect(calls.filter((c) => c !== "list")).toEqual([`register ${active}`, "token nhn:selvbetjening/client"]);
    expect(store.keys.find((k) => k.kid === active)?.expiresAt).toBe(clock.now() + 365 * day);
    faults = { tokens: 0, register: new Error("refused") };
    await expect(rotation().rotate()).rejects.toThrow("refused");
    expect(states().at(-1)?.[1]).toBe("created");
  });

  it("refuses another key under our id, before it registers and after", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    store.keys = [...store.keys, describeKey(await makeKey("ES256", "next"), 1)];
    listed = [{ kid: "next", thumbprint: "another" }];
    await expect(rotation().rotate()).rejects.toMatchObject({ code: "auth/key-store" });
    expect(states()).toEqual([
      ["old", "active"],
      ["next", "created"],
    ]);
  });

  it("without a key that HelseID takes tries the next one, which may be registered by hand", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    faults.list = rejected();
    const { active, steps } = await rotation().rotate();
    expect(steps).not.toContain("register");
    expect(states()).toEqual([
      ["old", "retiring"],
      [active, "active"],
    ]);
    for (const fault of [
      new Error("other"),
      new HelsekontaktError("auth/token-rejected", "no", { remoteCode: "invalid_scope" }),
      new HelsekontaktError("auth/token-unavailable", "no", { remoteCode: "invalid_client" }),
      { code: "auth/token-rejected", remoteCode: "invalid_client" },
    ]) {
      faults.list = fault;
      await expect(rotation().rotate()).rejects.toBe(fault);
    }
  });

  it("makes the first key active without a register, when it was registered by hand", async () => {
    const made = await rotation().prepare();
    expect(await rotation().prepare()).toEqual(made);
    expect(Object.keys(made).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
    expect(await rotation().rotate()).toMatchObject({
      steps: ["verify", "switch", "forget"],
      active: made.kid,
      previous: undefined,
      resumed: true,
    });
  });

  it("tries a new key five times, with pauses that double, and switches nothing when it is refused", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    faults.tokens = 4;
    await rotation().rotate();
    expect(clock.slept).toEqual([1_000, 2_000, 4_000, 8_000]);
    faults.tokens = 5;
    await expect(rotation().rotate()).rejects.toMatchObject({
      code: "auth/token-rejected",
      hint: expect.stringMatching(/nothing was switched/) as string,
    });
    expect(clock.slept).toHaveLength(8);
    expect(states().map(([, s]) => s)).toEqual(["retiring", "active", "registered"]);
    faults.tokens = 2;
    await expect(rotation({ verifyTries: 2 }).rotate()).rejects.toMatchObject({ code: "auth/token-rejected" });
    expect(clock.slept).toHaveLength(9);
  });

  it("passes on another fault of the token service at once", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    const fetch = async (request: Request): Promise<Response> =>
      request.method === "GET" ? tokenService(request) : Response.json({ error: "invalid_scope" }, { status: 400 });
    const source = { issuer, clientId: "c", fetch, clock, random: () => 0 };
    await expect(rotation({ source }).rotate()).rejects.toMatchObject({ code: "auth/scope-rejected" });
    expect(clock.slept).toEqual([]);
  });

  it("asks for the scopes that it is given", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    await rotation({ scopes: ["other"] }).rotate();
    expect(calls.at(-1)).toBe("token other");
  });

  it("stops before the next step when its caller aborts, and hands the signal on", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    const controller = new AbortController();
    const given: unknown[] = [];
    const stopping: KeyRegistry = {
      listKeys: async (options) => {
        given.push(options?.signal);
        return [];
      },
      registerKey: async (_key, options) => {
        given.push(options?.signal);
        controller.abort();
        throw new Error("aborted");
      },
    };
    const asked = rotation({ registry: () => stopping }).rotate({ signal: controller.signal });
    await expect(asked).rejects.toMatchObject({ code: "abort/cancelled" });
    expect(given).toEqual([controller.signal, controller.signal]);
    expect(states().map(([, s]) => s)).toEqual(["active", "created"]);
    calls = [];
    await expect(rotation().rotate({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "abort/cancelled" });
    expect(calls).toEqual([]);
  });
});

describe("the list of keys", () => {
  it("is the store's, and with HelseID's says what is listed and what is foreign", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    expect(await rotation().list()).toEqual([
      { kid: "old", alg: "ES256", state: "active", createdAt: clock.now(), expiresAt: undefined, listed: undefined },
    ]);
    expect(calls).toEqual([]);
    listed = [{ kid: "foreign", expiresAt: 5 }];
    expect(await rotation().list({ remote: true })).toMatchObject([
      { kid: "old", listed: false },
      { kid: "foreign", alg: undefined, state: "foreign", createdAt: undefined, expiresAt: 5, listed: true },
    ]);
    listed = [{ kid: "other" }, { kid: "old", expiresAt: 9 }];
    const both = await rotation().list({ remote: true });
    expect(both[0]).toMatchObject({ kid: "old", listed: true, expiresAt: 9 });
    expect(both).toHaveLength(2);
  });

  it("knows each of several keys of its own, and hands its caller's signal on", async () => {
    await rotation().prepare();
    await rotation().adopt(await makeKey("ES256", "old"));
    const given: unknown[] = [];
    const listing: KeyRegistry = {
      ...registry,
      listKeys: async (options) => {
        given.push(options?.signal);
        return [{ kid: "old" }];
      },
    };
    const controller = new AbortController();
    const all = await rotation({ registry: () => listing }).list({ remote: true, signal: controller.signal });
    expect(all.map((k) => [k.state, k.listed])).toEqual([
      ["created", false],
      ["active", true],
    ]);
    expect(given).toEqual([controller.signal]);
  });

  it("remembers what HelseID says of expiry, also that it says nothing more, and saves only changes", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    const before = store.saves;
    listed = [{ kid: "old", expiresAt: 9 }];
    await rotation().list({ remote: true });
    await rotation().list({ remote: true });
    expect([store.keys[0]?.expiresAt, store.saves - before]).toEqual([9, 1]);
    listed = [];
    await rotation().list({ remote: true });
    expect(store.keys[0]?.expiresAt).toBe(9);
    listed = [{ kid: "old" }];
    await rotation().list({ remote: true });
    expect(store.keys[0]).not.toHaveProperty("expiresAt");
  });

  it("cannot ask HelseID without an active key", async () => {
    await rotation().prepare();
    await expect(rotation().list({ remote: true })).rejects.toMatchObject({ code: "config/missing" });
    await expect(storedClientKey(store)()).rejects.toMatchObject({ code: "config/missing" });
  });
});

describe("adoption", () => {
  it("adds to keys that wait, and is refused beside an active key or one of the same id", async () => {
    const waiting = await rotation().prepare();
    const same = await makeKey("ES256", waiting.kid);
    await expect(rotation().adopt(same)).rejects.toMatchObject({ code: "auth/key-store" });
    const facts = await rotation().adopt(await makeKey("ES256", "own"));
    expect(facts).toEqual({
      kid: "own",
      alg: "ES256",
      state: "active",
      createdAt: clock.now(),
      expiresAt: undefined,
      listed: undefined,
    });
    expect(states()).toEqual([
      [waiting.kid, "created"],
      ["own", "active"],
    ]);
    await expect(rotation().adopt(await makeKey("ES256", "second"))).rejects.toMatchObject({ code: "auth/key-store" });
    expect(await storedClientKey(store)()).toEqual({ jwk: store.keys[1]?.jwk });
  });
});

describe("keys of the store", () => {
  it("are private, with an algorithm, of a kind that can be read", async () => {
    const good = await makeKey("ES256", "k");
    expect(describeKey(good, 5)).toMatchObject({ kid: "k", state: "created", createdAt: 5, jwk: { use: "sig" } });
    const { d: _d, ...pub } = good;
    const { alg: _alg, ...plain } = good;
    for (const bad of [pub, plain, { ...good, kty: "oct" }, { ...good, x: "AA" }, { ...good, kty: "RSA" }])
      expect(() => describeKey(bad, 5)).toThrow(expect.objectContaining({ code: "auth/key-invalid" }));
  });

  it("of another curve family are refused, not half read", () => {
    const okp = {
      kty: "OKP",
      crv: "Ed25519",
      alg: "EdDSA",
      kid: "k",
      d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    };
    const pub = { x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
    expect(() => describeKey({ ...okp, ...pub }, 5)).toThrow(expect.objectContaining({ code: "auth/key-invalid" }));
  });

  it("have their thumbprint for an id when they bring none", async () => {
    const good = await makeKey("ES256", "k");
    const { kid: _kid, ...rest } = good;
    const { thumbprint } = describeKey(good, 5);
    expect(thumbprint).toMatch(/^[\w-]{43}$/);
    for (const nameless of [rest, { ...rest, kid: "" }, { ...rest, kid: 7 }]) {
      const key = describeKey(nameless, 5);
      expect([key.kid, key.jwk["kid"], key.thumbprint]).toEqual([thumbprint, thumbprint, thumbprint]);
    }
  });

  it.each(["ES256", "ES384", "ES512", "PS256"] as const)(
    "are made for %s, and registered without private members",
    async (alg) => {
      const key = await generateKey(alg, 3);
      const registered = publicJwk(key);
      expect(registered).toMatchObject({ alg, use: "sig", kid: key.thumbprint });
      const members = alg === "PS256" ? ["e", "kty", "n"] : ["crv", "kty", "x", "y"];
      expect(Object.keys(registered).sort()).toEqual([...members, "alg", "kid", "use"].sort());
      if (alg === "PS256") expect(Buffer.from(registered.n ?? "", "base64url")).toHaveLength(512);
      else expect(registered.crv).toBe({ ES256: "P-256", ES384: "P-384", ES512: "P-521" }[alg]);
    },
  );
});

describe("the expiry of the active key", () => {
  it("is due in the last 30 days, or as long before as is asked for", async () => {
    await rotation().adopt(await makeKey("ES256", "old"));
    expect(await activeKeyExpiry(store, { clock })).toBeUndefined();
    listed = [{ kid: "old", expiresAt: clock.now() + 30 * day }];
    await rotation().list({ remote: true });
    const left = (warnMs?: number) => activeKeyExpiry(store, { clock, ...(warnMs === undefined ? {} : { warnMs }) });
    expect(await left()).toEqual({ kid: "old", expiresAt: clock.now() + 30 * day, leftMs: 30 * day, due: false });
    clock.move(1);
    expect(await left()).toMatchObject({ leftMs: 30 * day - 1, due: true });
    expect(await left(day)).toMatchObject({ due: false });
    store.keys = store.keys.map((k) => ({ ...k, state: "retiring" as const }));
    expect(await left()).toBeUndefined();
  });
});
