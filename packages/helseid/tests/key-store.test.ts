import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HelsekontaktError } from "@helsekontakt/core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createFileKeyStore, type StoredKey, watchKeyExpiry } from "../src/index.ts";
import { describeKey } from "../src/rotation/jwk.ts";
import { decodeKeys, encodeKeys } from "../src/rotation/store-format.ts";
import { makeKey, manualClock } from "./_sts.ts";

const folder = mkdtempSync(join(tmpdir(), "helsekontakt-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let n = 0;
const place = (...names: string[]): string => join(folder, String(++n), ...names);
let key: StoredKey;
let other: StoredKey;
beforeAll(async () => {
  [key, other] = [describeKey(await makeKey("ES256", "a"), 5), describeKey(await makeKey("ES256", "b"), 6)];
});

describe("a key store in a file", () => {
  it("is empty where there is no file, and makes its folder for its owner only", async () => {
    const path = place("deep", "keys.json");
    const store = createFileKeyStore(path);
    expect(await store.load()).toEqual({ keys: [] });
    await store.save({ keys: [key] });
    expect(await store.load()).toEqual({ keys: [key] });
    expect([statSync(path).mode & 0o777, statSync(join(path, "..")).mode & 0o777]).toEqual([0o600, 0o700]);
    const locked = place("deep", "keys.json");
    expect(await createFileKeyStore(locked).exclusive(async () => 7)).toBe(7);
    expect(statSync(join(locked, "..")).mode & 0o777).toBe(0o700);
  });

  it("leaves nothing beside itself, whether it could be written or not", async () => {
    const path = place("keys.json");
    const store = createFileKeyStore(path);
    await store.save({ keys: [key] });
    await store.exclusive(() => store.save({ keys: [key, other] }));
    expect(readdirSync(join(path, ".."))).toEqual(["keys.json"]);
    const blocked = place("keys.json");
    mkdirSync(join(blocked, "full"), { recursive: true });
    await expect(createFileKeyStore(blocked).save({ keys: [] })).rejects.toMatchObject({ code: "auth/key-store" });
    expect(readdirSync(join(blocked, ".."))).toEqual(["keys.json"]);
  });

  it.each([0o640, 0o604, 0o620, 0o601, 0o610])("with mode %o is refused", async (mode) => {
    const path = place("keys.json");
    const store = createFileKeyStore(path);
    await store.save({ keys: [key] });
    chmodSync(path, mode);
    await expect(store.load()).rejects.toMatchObject({
      code: "auth/key-store",
      hint: expect.stringMatching(/chmod 600/) as string,
    });
    chmodSync(path, 0o400);
    expect(await store.load()).toEqual({ keys: [key] });
  });

  it("says what is wrong with its place, by the system's code", async () => {
    const path = place("keys.json");
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o700);
    await expect(createFileKeyStore(path).load()).rejects.toMatchObject({
      code: "auth/key-store",
      message: expect.stringMatching(/be readable, found EISDIR/) as string,
    });
    const file = join(path, "file");
    writeFileSync(file, "");
    const below = createFileKeyStore(join(file, "keys.json"));
    await expect(below.save({ keys: [] })).rejects.toMatchObject({
      code: "auth/key-store",
      message: expect.stringMatching(/be writable/) as string,
    });
    await expect(below.exclusive(async () => 1)).rejects.toMatchObject({
      code: "auth/key-store",
      message: expect.stringMatching(/be writable/) as string,
    });
    const loop = place("keys.json");
    mkdirSync(join(loop, ".."));
    symlinkSync(loop, loop);
    await expect(createFileKeyStore(loop).load()).rejects.toMatchObject({
      message: expect.stringMatching(/ELOOP/) as string,
    });
  });

  it("makes the file durable, then its name, and closes what it opened", async () => {
    const path = place("keys.json");
    await createFileKeyStore(path).save({ keys: [] });
    const handle = await open(path);
    const calls: string[] = [];
    const kind = Object.getPrototypeOf(handle) as { sync(): Promise<void> };
    await handle.close();
    const { sync } = kind;
    vi.spyOn(kind, "sync").mockImplementation(function (this: unknown) {
      calls.push("sync");
      return sync.call(this);
    });
    // Linux lists what a process has open.
    const opened = (): number => (existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0);
    const before = opened();
    try {
      await createFileKeyStore(path).save({ keys: [key] });
    } finally {
      vi.restoreAllMocks();
    }
    expect([calls, opened()]).toEqual([["sync", "sync"], before]);
  });

  it("is free again when the work in it fails", async () => {
    const store = createFileKeyStore(place("keys.json"));
    await expect(store.exclusive(() => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    expect(await store.exclusive(async () => 1)).toBe(1);
  });

  it("asks for its passphrase each time, and stays as it is when that cannot be had", async () => {
    const path = place("keys.json");
    let asked = 0;
    const store = createFileKeyStore(path, { passphrase: async () => `pass ${asked++ > -1}` });
    await store.save({ keys: [key] });
    expect(await store.load()).toEqual({ keys: [key] });
    expect(asked).toBe(2);
    const before = readFileSync(path, "utf8");
    const broken = createFileKeyStore(path, { passphrase: () => Promise.reject(new Error("vault")) });
    await expect(broken.save({ keys: [] })).rejects.toThrow("vault");
    expect(readFileSync(path, "utf8")).toBe(before);
  });
});

describe("the text of a key store", () => {
  const refused = async (text: string, passphrase?: string): Promise<HelsekontaktError> => {
    const error: unknown = await decodeKeys(text, passphrase).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(HelsekontaktError);
    expect(error).toMatchObject({ code: "auth/key-store" });
    return error as HelsekontaktError;
  };
  const outer = (more: object): string => JSON.stringify({ format: "helsekontakt-keys", version: 1, ...more });
  const entry = (change: object = {}): object => ({ jwk: key.jwk, state: "active", createdAt: 1, ...change });

  it("keeps all of a key, and no more", async () => {
    const keys = [
      { ...key, state: "active" as const, expiresAt: 8 },
      { ...other, state: "retiring" as const, forgetAt: 9 },
    ];
    expect(await decodeKeys(await encodeKeys({ keys }, undefined), undefined)).toEqual({ keys });
    const text = await encodeKeys({ keys }, "pass");
    expect(await decodeKeys(text, "pass")).toEqual({ keys });
    expect(text).not.toBe(await encodeKeys({ keys }, "pass"));
  });

  it("leaves out what is of another type, and what it does not know", async () => {
    const odd = outer({ keys: [entry({ expiresAt: "8", forgetAt: null, more: 1 })] });
    expect(Object.keys((await decodeKeys(odd, undefined)).keys[0] ?? {}).sort()).toEqual(
      ["alg", "createdAt", "jwk", "kid", "state", "thumbprint"].sort(),
    );
  });

  it("is of one format and version", async () => {
    for (const text of ["null", "7", '"text"', "{", "", "{}"]) await refused(text);
    await refused(JSON.stringify({ format: "other", version: 1, keys: [] }));
    await refused(JSON.stringify({ format: "helsekontakt-keys", version: 2, keys: [] }));
    expect(await decodeKeys(outer({ keys: [] }), undefined)).toEqual({ keys: [] });
  });

  it("holds keys with their states, one active, each once", async () => {
    for (const keys of [
      undefined,
      {},
      [null],
      [7],
      [entry({ jwk: null })],
      [entry({ jwk: "text" })],
      [entry({ state: "other" })],
      [entry({ state: undefined })],
      [entry({ createdAt: "1" })],
      [entry(), entry({ state: "retiring" })],
      [entry(), entry({ jwk: other.jwk })],
    ])
      await refused(outer({ keys }));
    for (const state of ["created", "registered", "active", "retiring"])
      expect((await decodeKeys(outer({ keys: [entry({ state })] }), undefined)).keys[0]?.state).toBe(state);
    const two = outer({ keys: [entry(), entry({ jwk: other.jwk, state: "retiring" })] });
    expect((await decodeKeys(two, undefined)).keys).toHaveLength(2);
  });

  it("that is encrypted needs its passphrase, and is whole or refused", async () => {
    const text = await encodeKeys({ keys: [key] }, "pass");
    expect((await refused(text)).message).toContain("passphrase");
    await refused(text, "other");
    const { encrypted } = JSON.parse(text) as { encrypted: Record<string, string> };
    for (const part of ["salt", "iv", "tag", "data"]) {
      const bytes = Buffer.from(encrypted[part] ?? "", "base64url");
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      await refused(outer({ encrypted: { ...encrypted, [part]: bytes.toString("base64url") } }), "pass");
    }
    // A tag cut short would be guessed more easily.
    const tag = Buffer.from(encrypted["tag"] ?? "", "base64url")
      .subarray(0, 4)
      .toString("base64url");
    await refused(outer({ encrypted: { ...encrypted, tag } }), "pass");
    await refused(outer({ encrypted: null }), "pass");
  });
});

describe("the watch over a key's expiry", () => {
  const store = (expiresAt: number) => ({
    load: async () => ({ keys: [{ ...key, state: "active" as const, expiresAt }] }),
    save: async () => undefined,
    exclusive: <T>(work: () => Promise<T>) => work(),
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));

  it("tells at once when a rotation is due, and nothing while none is or after its end", async () => {
    const clock = manualClock();
    const told: number[] = [];
    const options = { clock, warnMs: 1_000, onDue: (e: { leftMs: number }) => void told.push(e.leftMs) };
    watchKeyExpiry(store(clock.now() + 1_000), options)();
    const end = watchKeyExpiry(store(clock.now() + 1_000), options);
    await settle();
    expect(told).toEqual([]);
    end();
    const second = watchKeyExpiry(store(clock.now() + 999), options);
    await settle();
    expect(told).toEqual([999]);
    second();
    watchKeyExpiry(store(clock.now() + 999), options)();
    await settle();
    expect(told).toEqual([999]);
  });

  it("tells of a store that cannot be read, or goes on in silence", async () => {
    const broken = { ...store(0), load: () => Promise.reject(new Error("gone")) };
    const errors: unknown[] = [];
    watchKeyExpiry(broken, { onDue: () => undefined, onError: (e) => errors.push(e) })();
    watchKeyExpiry(broken, { onDue: () => undefined })();
    await settle();
    expect(errors).toEqual([new Error("gone")]);
  });

  it("looks again after its pause, until it is ended", async () => {
    const told: number[] = [];
    const timers = vi.spyOn(globalThis, "setInterval");
    const ended = vi.spyOn(globalThis, "clearInterval");
    const options = { clock: manualClock(), everyMs: 5, onDue: (e: { leftMs: number }) => void told.push(e.leftMs) };
    const end = watchKeyExpiry(store(0), options);
    const timer = timers.mock.results[0]?.value as NodeJS.Timeout;
    // A watch alone keeps no process alive.
    expect(timer.hasRef()).toBe(false);
    while (told.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    end();
    expect(ended).toHaveBeenCalledWith(timer);
    vi.restoreAllMocks();
    await settle();
    const count = told.length;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(told).toHaveLength(count);
  });
});
