import { HelsekontaktError } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { createIdentity } from "../keys/create-certificate.ts";
import type { Identity } from "../keys/identity.ts";
import type { KeyUsage } from "../keys/key-usage.ts";
import type { Profile } from "../profile/profile.ts";
import { createPartyRegistry, type PartyFacts, type PartyRegistryOptions } from "./party-registry.ts";

const dates = { notBefore: new Date("2024-01-01T00:00:00Z"), notAfter: new Date("2034-01-01T00:00:00Z") };
const facts: PartyFacts = {
  herId: "2",
  name: "Party 2",
  active: true,
  queues: { async: "tb.test.nhn.no/NS/1_async", error: "1_error", sync: " " },
};
const party = (herId: string, functions: string[]) => ({
  herId,
  name: `Party ${herId}`,
  certificates: [],
  roles: functions.map((name) => ({
    name: "r",
    process: name,
    processVersion: "1.0",
    send: [],
    receive: [{ name, action: "a", deliveryChannel: "", protocol: "AMQP" as const, parts: [] }],
  })),
});
const cpp: Profile = { kind: "cpp", id: "p", version: "1", parties: [party("2", ["DIALOG"])] };
const cpa: Profile = {
  kind: "cpa",
  id: "c",
  version: "1",
  parties: [party("1", []), party("2", ["DIALOG"])],
  start: "2025-01-01T00:00:00Z",
  end: "2026-01-01T00:00:00Z",
};

const answer = async <T>(value: T | Error): Promise<T> => {
  await Promise.resolve();
  if (value instanceof Error) throw value;
  return value;
};

function setup(options: Partial<PartyRegistryOptions> = {}) {
  const calls = { profile: 0, party: 0 };
  const state: { now: number; profile: Profile | Error | undefined; party: PartyFacts | Error | undefined } = {
    now: Date.UTC(2025, 5, 1),
    profile: undefined,
    party: facts,
  };
  const registry = createPartyRegistry({
    lookupProfile: () => {
      calls.profile++;
      return answer(state.profile);
    },
    lookupParty: () => {
      calls.party++;
      return answer(state.party);
    },
    clock: { now: () => state.now, sleep: () => Promise.resolve() },
    ...options,
  });
  const resolve = (o: object = {}) => registry.resolve({ herId: "2", ownHerId: "1", function: "DIALOG", ...o });
  const code = () =>
    resolve().then(
      () => "ok",
      (e: unknown) => HelsekontaktError.from(e).code,
    );
  return { calls, state, registry, resolve, code };
}

describe("createPartyRegistry()", () => {
  it("tells agreement, profile and dummy apart, each able to answer look-ups (R7)", async () => {
    const s = setup();
    expect(await s.resolve()).toMatchObject({ kind: "dummy", queues: { async: "1_async", error: "1_error" } });
    s.registry.invalidate("2");
    s.state.profile = cpp;
    const profiled = await s.resolve();
    expect(profiled.kind === "cpp" && [profiled.receives("DIALOG"), profiled.receives("OTHER")]).toEqual([true, false]);
    s.registry.invalidate("2");
    s.state.profile = cpa;
    expect(await s.resolve()).toMatchObject({ kind: "cpa", cpaId: "c" });
  });
  it("does not keep a blank queue", async () => {
    expect((await setup().resolve()).queues).not.toHaveProperty("sync");
  });
  it("asks each registry once for a hundred sends at a time, and not again while fresh (O7)", async () => {
    const s = setup();
    await Promise.all(Array.from({ length: 100 }, () => s.resolve()));
    await s.resolve();
    expect(s.calls).toEqual({ profile: 1, party: 1 });
    s.state.now += 3_600_001;
    await s.resolve();
    expect(s.calls).toEqual({ profile: 2, party: 2 });
  });
  it("asks again after an event (R5)", async () => {
    const s = setup();
    await s.resolve();
    s.registry.invalidate("2");
    await s.resolve();
    expect(s.calls).toEqual({ profile: 2, party: 2 });
  });
  it("never falls back when the registry fails; the last good answer holds for a while (R1)", async () => {
    const s = setup();
    s.state.profile = new HelsekontaktError("registry/unavailable", "down");
    expect(await s.code()).toBe("registry/unavailable");
    s.state.profile = cpp;
    expect((await s.resolve()).kind).toBe("cpp");
    s.state.profile = new HelsekontaktError("rest/unavailable", "down");
    s.state.now += 2 * 3_600_000;
    expect((await s.resolve()).kind).toBe("cpp");
    s.state.now += 30 * 3_600_000;
    expect(await s.code()).toBe("rest/unavailable");
    s.state.profile = new HelsekontaktError("rest/forbidden", "no");
    expect(await s.code()).toBe("rest/forbidden");
  });
  it("tells unknown, inactive and expired apart (R6, U5), and remembers unknown for a short time", async () => {
    const s = setup();
    s.state.party = undefined;
    expect(await s.code()).toBe("registry/party-unknown");
    expect(await s.code()).toBe("registry/party-unknown");
    expect(s.calls.party).toBe(1);
    s.state.now += 60_001;
    s.state.party = { ...facts, active: false };
    expect(await s.code()).toBe("registry/party-inactive");
    const expired = setup();
    expired.state.profile = cpa;
    expired.state.now = Date.UTC(2026, 5, 1);
    expect(await expired.code()).toBe("registry/profile-invalid");
  });
  it("refuses an agreement that the own party is not in (R4)", async () => {
    const s = setup();
    s.state.profile = cpa;
    await expect(s.resolve({ ownHerId: "9" })).rejects.toThrow(
      "[registry/profile-invalid] expected the HER-id to be a party of the cpa",
    );
    expect((await s.resolve()).kind).toBe("cpa");
  });
  it("gives functions on the exclusion list a dummy without asking for a profile", async () => {
    const s = setup({ withoutProfile: ["DIALOG"] });
    s.state.profile = cpp;
    expect((await s.resolve()).kind).toBe("dummy");
    expect(s.calls.profile).toBe(0);
  });
  it("ends one caller's wait on its signal, and no other's", async () => {
    const s = setup();
    const abort = new AbortController();
    const cancelled = s.resolve({ signal: abort.signal });
    const other = s.resolve();
    abort.abort();
    await expect(cancelled).rejects.toThrow("[abort/cancelled]");
    expect((await other).kind).toBe("dummy");
  });
  it("verifies with the signing certificate of a profile, also when one for both uses follows", async () => {
    const make = (...usage: KeyUsage[]) => createIdentity({ subject: { commonName: "Party 2" }, usage, ...dates });
    const [signing, both] = await Promise.all([make("nonRepudiation"), make("nonRepudiation", "keyEncipherment")]);
    const withCertificates = (encryption: Identity, signature?: Identity): Profile => ({
      ...cpp,
      parties: [
        {
          ...party("2", ["DIALOG"]),
          certificates: [...(signature === undefined ? [] : [signature]), encryption].map(({ certificate }, n) => ({
            certId: String(n),
            certificate,
          })),
          encryptionCertificate: encryption.certificate,
          ...(signature === undefined ? {} : { signatureCertificate: signature.certificate }),
        },
      ],
    });
    const s = setup();
    s.state.profile = withCertificates(both, signing);
    const used = async () => {
      const { encryptionCertificate, signatureCertificate } = await s.resolve();
      return [encryptionCertificate?.serialNumber, signatureCertificate?.serialNumber];
    };
    expect(await used()).toEqual([both.certificate.serialNumber, signing.certificate.serialNumber]);
    s.registry.invalidate("2");
    s.state.profile = withCertificates(both);
    expect(await used()).toEqual([both.certificate.serialNumber, both.certificate.serialNumber]);
  });
  it("does not keep the answer of a look-up that began before the party was invalidated", async () => {
    const s = setup();
    const before = s.resolve();
    s.registry.invalidate("2");
    s.state.profile = cpp;
    expect((await s.resolve()).kind).toBe("cpp");
    expect((await before).kind).toBe("dummy");
    expect((await s.resolve()).kind).toBe("cpp");
  });
  it("keeps a bounded number of answers", async () => {
    const s = setup({ maxEntries: 2 });
    for (const herId of ["2", "3", "4", "2"]) await s.resolve({ herId });
    expect(s.calls.party).toBe(4);
  });
});
