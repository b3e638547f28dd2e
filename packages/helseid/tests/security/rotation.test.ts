import { spawn } from "node:child_process";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createSelvbetjeningClient } from "@helsekontakt/rest-client";
import { type SandboxHelseid, startHelseid } from "@helsekontakt/sandbox";
import { generateKeyPair, exportJWK } from "jose";
import { afterAll, beforeEach, afterEach, describe, expect, it } from "vitest";
import {
  activeKeyExpiry,
  createFileKeyStore,
  createKeyRotation,
  createSigningFetch,
  createTokenSource,
  type KeyRotationOptions,
  type PublicJwk,
  type RotationReport,
  storedClientKey,
  watchKeyExpiry,
} from "../../src/index.ts";
import { manualClock } from "../_sts.ts";

const folder = mkdtempSync(join(tmpdir(), "helsekontakt-keys-"));
let sandbox: SandboxHelseid;
let file = "";
let n = 0;

beforeEach(async () => {
  sandbox = await startHelseid();
  file = join(folder, String(++n), "keys.json");
});
afterEach(() => sandbox.close());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function rotation(change: Partial<KeyRotationOptions> = {}) {
  return createKeyRotation({
    store: createFileKeyStore(file),
    algorithm: "ES256",
    source: { issuer: sandbox.issuer, clientId: sandbox.client.clientId, allowInsecureLoopback: true },
    registry: (fetch) => createSelvbetjeningClient({ baseUrl: sandbox.selfService.baseUrl, fetch }),
    clock: manualClock(),
    ...change,
  });
}

const registered = () => sandbox.service.register.keys(sandbox.client.clientId).map((k) => k.jwk.kid);
const stored = async () => (await createFileKeyStore(file).load()).keys.map((k) => [k.kid, k.state]);

function child(point: string): Promise<{ signal: string | null; report: RotationReport | undefined; err: string }> {
  const script = fileURLToPath(new URL("./_rotate-child.ts", import.meta.url));
  const args = [file, sandbox.issuer, sandbox.client.clientId, sandbox.selfService.baseUrl, point];
  return new Promise((resolve) => {
    const process_ = spawn(
      process.execPath,
      ["--experimental-strip-types", "--conditions=helsekontakt-source", "--no-warnings", script, ...args],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    let [out, err] = ["", ""];
    process_.stdout.on("data", (c: Buffer) => (out += c.toString()));
    process_.stderr.on("data", (c: Buffer) => (err += c.toString()));
    process_.on("close", (_code, signal) =>
      resolve({ signal, report: out === "" ? undefined : (JSON.parse(out) as RotationReport), err }),
    );
  });
}

describe("row 17: a rotation that is killed", () => {
  it.each([
    ["generate", 1],
    ["before save 1", 1],
    ["after save 1", 1],
    ["before register", 1],
    ["after register", 2],
    ["after save 2", 2],
    ["verify", 2],
    ["switch", 2],
    ["after save 3", 2],
    ["forget", 2],
  ] as const)("row 17: at %j goes on with the same key, and loses none", async (point, listedAtCrash) => {
    await rotation().adopt({ ...sandbox.client.jwk });
    const killed = await child(point);
    expect([killed.signal, killed.err]).toEqual(["SIGKILL", ""]);
    expect(registered()).toHaveLength(listedAtCrash);
    // Every key that HelseID knows is in the store with its private half: none is lost.
    const kept = (await createFileKeyStore(file).load()).keys;
    for (const kid of registered()) expect(kept.some((k) => k.kid === kid && "d" in k.jwk)).toBe(true);
    const switched = kept.find((k) => k.state === "active")?.kid !== sandbox.client.jwk.kid;
    const pending = kept.find((k) => k.state === "created" || k.state === "registered")?.kid;
    if (!switched) {
      const report = await rotation().rotate();
      expect(report.resumed).toBe(pending !== undefined);
      if (pending !== undefined) expect(report.active).toBe(pending);
    }
    expect(registered()).toHaveLength(2);
    expect((await stored()).map(([, state]) => state).sort()).toEqual(["active", "retiring"]);
    expect(readdirSync(join(file, "..")).filter((f) => f.endsWith(".lock"))).toEqual(
      switched ? ["keys.json.lock"] : [],
    );
    // The lock of the killed process keeps nobody out.
    await rotation().prepare();
  });
});

describe("row 17: the self service", () => {
  it("row 17: POST that times out after its success is recognised, and not sent again", async () => {
    await rotation().adopt({ ...sandbox.client.jwk });
    sandbox.selfService.behaviour.loseAnswers = 1;
    const report = await rotation().rotate();
    expect(report.steps).toEqual(["generate", "store", "list", "register", "verify", "switch", "forget"]);
    expect(registered()).toEqual([sandbox.client.jwk.kid, report.active]);
  });

  it("row 17: that fails leaves the old key active and the new one waiting", async () => {
    await rotation().adopt({ ...sandbox.client.jwk });
    sandbox.selfService.faults.standing = { fault: { kind: "status", status: 503 } };
    await expect(rotation().rotate()).rejects.toMatchObject({ code: "rest/unavailable" });
    expect((await stored()).map(([, s]) => s)).toEqual(["active", "created"]);
    sandbox.selfService.faults.clear();
    expect(await rotation().rotate()).toMatchObject({ resumed: true });
  });

  it("row 17: has another key under our id: refused, nothing switched", async () => {
    await rotation().adopt({ ...sandbox.client.jwk });
    const key = await rotation().prepare();
    const { publicKey } = await generateKeyPair("ES256");
    const foreign = { ...(await exportJWK(publicKey)), kid: key.kid, alg: "ES256" };
    sandbox.service.register.addKey(sandbox.client.clientId, { jwk: foreign, origin: "Gui" });
    await expect(rotation().rotate()).rejects.toMatchObject({ code: "auth/key-store" });
    expect((await stored())[0]?.[1]).toBe("active");
  });

  it("row 17: gets public members only, RSA and EC", async () => {
    for (const algorithm of ["ES256", "PS256"] as const) {
      file = join(folder, `public-${algorithm}`, "keys.json");
      const sent: PublicJwk[] = [];
      const one = rotation({
        algorithm,
        registry: (fetch) => {
          const client = createSelvbetjeningClient({ baseUrl: sandbox.selfService.baseUrl, fetch });
          return {
            listKeys: (o) => client.listKeys(o),
            registerKey: (key, o) => (sent.push(key), client.registerKey(key, o)),
          };
        },
      });
      await one.adopt({ ...sandbox.client.jwk });
      sandbox.service.register.expireKey(sandbox.client.clientId, "none", 0);
      await one.rotate();
      const members =
        algorithm === "ES256" ? ["alg", "crv", "kid", "kty", "use", "x", "y"] : ["alg", "e", "kid", "kty", "n", "use"];
      expect(sent.map((key) => Object.keys(key).sort())).toEqual([members]);
      expect(Object.keys(await one.prepare()).sort()).toEqual(members);
    }
  });

  it("row 17: no longer takes the active key: a key registered by hand takes over, another says what to do", async () => {
    const { register } = sandbox.service;
    await rotation().adopt({ ...sandbox.client.jwk });
    const key = await rotation().prepare();
    register.expireKey(sandbox.client.clientId, sandbox.client.jwk.kid ?? "", 0);
    await expect(rotation().rotate()).rejects.toMatchObject({
      code: "auth/token-rejected",
      hint: expect.stringMatching(/by hand|prepare/) as string,
    });
    register.addKey(sandbox.client.clientId, { jwk: { ...key }, origin: "Gui" });
    expect(await rotation().rotate()).toMatchObject({ active: key.kid, previous: sandbox.client.jwk.kid });
  });
});

describe("row 17: a switch under load", () => {
  it("row 17: fails no call, also when the old key stops being taken", async () => {
    await rotation().adopt({ ...sandbox.client.jwk });
    const { service } = sandbox;
    service.tokenLifetime = 6; // one second of use: nearly every call needs a new token
    const source = createTokenSource({
      issuer: sandbox.issuer,
      clientId: sandbox.client.clientId,
      allowInsecureLoopback: true,
      key: storedClientKey(createFileKeyStore(file)),
      maxCachedTokens: 1,
    });
    const call = createSigningFetch(source, { scopes: [sandbox.api.scope] });
    const results = { good: 0, bad: 0 };
    const load = { running: true };
    const callers = Array.from({ length: 8 }, async (_v, caller) => {
      for (let turn = 0; load.running; turn++) {
        try {
          // Scopes that alternate empty the cache of one token, so that assertions are signed all the time.
          await source.getToken({
            scopes: (caller + turn) % 2 === 0 ? [sandbox.api.scope] : ["nhn:selvbetjening/client"],
          });
          const response = await call(new Request(`${sandbox.api.baseUrl}/x`));
          await response.text();
          if (response.status === 401) results.bad++;
          else results.good++;
        } catch {
          results.bad++;
        }
      }
    });
    const until = async (count: number): Promise<void> => {
      while (results.good < count && results.bad === 0) await new Promise((r) => setTimeout(r, 5));
    };
    await until(40);
    const before = service.issued;
    const report = await rotation().rotate();
    await until(results.good + 40);
    service.register.expireKey(sandbox.client.clientId, sandbox.client.jwk.kid ?? "", 0);
    await until(results.good + 80);
    load.running = false;
    await Promise.all(callers);
    expect(results.bad).toBe(0);
    expect(service.issued).toBeGreaterThan(before);
    // The old key was refused at least once, and the one from the store took its place.
    expect(service.refusals.some((r) => r.error === "invalid_client")).toBe(true);
    expect(registered()).toEqual([report.active]);
  });

  it("row 17: overlap: the old key stays in the store until its time, then is forgotten", async () => {
    const clock = manualClock();
    await rotation({ clock }).adopt({ ...sandbox.client.jwk });
    const first = await rotation({ clock, overlapMs: 3_600_000 }).rotate();
    expect(await stored()).toEqual([
      [sandbox.client.jwk.kid, "retiring"],
      [first.active, "active"],
    ]);
    expect((await rotation({ clock }).rotate()).forgotten).toEqual([]);
    clock.move(3_600_001);
    expect((await rotation({ clock }).rotate()).forgotten).toEqual([sandbox.client.jwk.kid]);
  });

  it("row 17: one rotation at a time", async () => {
    await rotation().adopt({ ...sandbox.client.jwk });
    const both = await Promise.allSettled([rotation().rotate(), rotation().rotate()]);
    expect(both.filter((r) => r.status === "fulfilled")).toHaveLength(1);
    expect(both.find((r) => r.status === "rejected")).toMatchObject({
      reason: { code: "auth/key-store", retryable: true },
    });
    expect(registered()).toHaveLength(2);
  });
});

describe("row 17: the store", () => {
  it("row 17: gives the lock of a dead holder to one of those who wait, and a living one's to nobody", async () => {
    const store = createFileKeyStore(file);
    await store.save({ keys: [] });
    const lock = (pid: number, host: string): void =>
      writeFileSync(`${file}.lock`, JSON.stringify({ pid, host, token: "t" }));
    lock(1, "another-host");
    await expect(store.exclusive(async () => 1)).rejects.toMatchObject({ code: "auth/key-store", retryable: true });
    // The own number without the own mark: a process of an earlier start, as containers have it.
    lock(process.pid, hostname());
    let [inside, most] = [0, 0];
    const ran = await Promise.allSettled(
      Array.from({ length: 8 }, () =>
        store.exclusive(async () => {
          most = Math.max(most, ++inside);
          await new Promise((resolve) => setTimeout(resolve, 30));
          inside--;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(ran.some((r) => r.status === "fulfilled")).toBe(true);
    lock(1, "another-host");
    const old = new Date(Date.now() - 120_000);
    utimesSync(`${file}.lock`, old, old);
    expect(await store.exclusive(async () => 2)).toBe(2);
  });

  it("row 17: is 0600, refuses a wider mode, and with a passphrase holds nothing in clear", async () => {
    const plain = createFileKeyStore(file);
    await rotation({ store: plain }).adopt({ ...sandbox.client.jwk });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    chmodSync(file, 0o640);
    await expect(plain.load()).rejects.toMatchObject({
      code: "auth/key-store",
      hint: expect.stringMatching(/chmod 600/) as string,
    });
    chmodSync(file, 0o600);
    const keys = await plain.load();
    const secret = join(folder, "secret.json");
    await createFileKeyStore(secret, { passphrase: () => "correct horse" }).save(keys);
    const text = readFileSync(secret, "utf8");
    expect(text).not.toContain(String(sandbox.client.jwk.d));
    expect(text).not.toContain(String(sandbox.client.jwk.kid));
    expect(await createFileKeyStore(secret, { passphrase: "correct horse" }).load()).toEqual(keys);
    for (const passphrase of [{}, { passphrase: "wrong" }])
      await expect(createFileKeyStore(secret, passphrase).load()).rejects.toMatchObject({ code: "auth/key-store" });
  });

  it.each([
    ["empty", ""],
    ["no JSON", "{"],
    ["another version", '{"format":"helsekontakt-keys","version":2,"keys":[]}'],
    ["no keys", '{"format":"helsekontakt-keys","version":1}'],
    ["a key without state", '{"format":"helsekontakt-keys","version":1,"keys":[{"jwk":{"d":"SECRET"}}]}'],
    ["no ciphertext", '{"format":"helsekontakt-keys","version":1,"encrypted":{}}'],
  ])("row 17: says what is wrong with a damaged file, and quotes nothing of it: %s", async (_name, text) => {
    const damaged = join(folder, `damaged-${++n}.json`);
    writeFileSync(damaged, text, { mode: 0o600 });
    const error: unknown = await createFileKeyStore(damaged, { passphrase: "x" })
      .load()
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "auth/key-store" });
    expect((error as Error).message).not.toContain("SECRET");
    expect(readFileSync(damaged, "utf8")).toBe(text);
  });

  it("row 17: without a key says so; two active keys are refused", async () => {
    await expect(rotation().rotate()).rejects.toMatchObject({ code: "config/missing" });
    await expect(storedClientKey(createFileKeyStore(file))()).rejects.toMatchObject({ code: "config/missing" });
    await rotation().adopt({ ...sandbox.client.jwk });
    await expect(rotation().adopt({ ...sandbox.client.jwk })).rejects.toMatchObject({ code: "auth/key-store" });
  });

  it("row 17: knows when the active key expires, and tells when a rotation is due", async () => {
    const clock = manualClock();
    const store = createFileKeyStore(file);
    const r = rotation({ clock });
    await r.adopt({ ...sandbox.client.jwk });
    expect(await activeKeyExpiry(store, { clock })).toBeUndefined();
    const { active } = await r.rotate();
    expect(await activeKeyExpiry(store, { clock })).toMatchObject({ kid: active, due: false });
    const due: string[] = [];
    const end = watchKeyExpiry(store, { clock, everyMs: 5, onDue: (e) => due.push(e.kid) });
    clock.move(340 * 86_400_000);
    while (due.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    end();
    expect(new Set(due)).toEqual(new Set([active]));
    const listed = await r.list({ remote: true });
    expect(listed.map((k) => [k.state, k.listed])).toEqual([
      ["retiring", true],
      ["active", true],
    ]);
    sandbox.service.register.addKey(sandbox.client.clientId, {
      jwk: { kty: "EC", kid: "by-hand", crv: "P-256", x: "A", y: "A", alg: "ES256" },
      origin: "Gui",
    });
    expect((await r.list({ remote: true })).at(-1)).toMatchObject({ kid: "by-hand", state: "foreign" });
  });
});
