import { inspect } from "node:util";
import { HelsekontaktError, type Logger, silentLogger } from "@helsekontakt/core";
import { describe, expect, expectTypeOf, it } from "vitest";
import { createIdentity } from "../keys/create-certificate.ts";
import type { KeyUsage } from "../keys/key-usage.ts";
import { cpaId, cpaOf, cppOf, down, factsOf, found, notFound, refused, testRegistry } from "./_registries.ts";
import { type AgreementParty, capabilityOf, canReceive, type DummyParty, receiptParts } from "./party.ts";

const minute = 60_000;
const hour = 60 * minute;
const dates = { notBefore: new Date("2024-01-01T00:00:00Z"), notAfter: new Date("2034-01-01T00:00:00Z") };
const identity = (...usage: KeyUsage[]) => createIdentity({ subject: { commonName: "Party 2" }, usage, ...dates });
const both = [{ herId: "1" }, { herId: "2" }];

describe("kinds of parties", () => {
  it("R7: agreement, profile and dummy are three kinds, and look-ups on a dummy are answered, not thrown", async () => {
    const s = testRegistry();
    const dummy = await s.resolve();
    expect(dummy).toMatchObject({
      kind: "dummy",
      reason: "no-profile",
      queues: { async: "2_async", error: "2_error" },
    });
    expect(receiptParts(dummy, "DIALOG", "send")).toBeUndefined();
    expect(capabilityOf(dummy, "DIALOG")).toBe("unknown");
    expect(canReceive(dummy, "DIALOG")).toBe(true);
    expectTypeOf<DummyParty>().not.toHaveProperty("profile");
    expectTypeOf<DummyParty>().not.toHaveProperty("receives");
    expectTypeOf<AgreementParty>().toHaveProperty("profile");

    s.registry.invalidate("2");
    s.answers.profile = found(cppOf({ herId: "2" }));
    const profiled = await s.resolve();
    expect([profiled.kind, capabilityOf(profiled, "dialog"), capabilityOf(profiled, "OTHER")]).toEqual([
      "cpp",
      "supported",
      "unsupported",
    ]);
    expect(receiptParts(profiled, "DIALOG", "send")?.map((p) => p.schema)).toEqual(["MsgHead-v1_2.xsd"]);
    expect(receiptParts(profiled, "OTHER", "send")).toBeUndefined();

    s.registry.invalidate("2");
    s.answers.agreementFor = found(cpaOf(both));
    expect(await s.resolve()).toMatchObject({ kind: "cpa", cpaId });
  });

  it("R7: dummies can be switched off, and excluded functions keep theirs", async () => {
    const s = testRegistry({ dummies: "refuse", withoutProfile: ["OTHER"] });
    expect(await s.code()).toBe("registry/no-profile");
    expect(await s.code({ function: "OTHER" })).toBe("dummy");
    expect(await s.code({ ownHerId: undefined })).toBe("dummy");
  });

  it("takes a dummy's certificates from the address registry, once, and nobody else's", async () => {
    const s = testRegistry();
    const [encryption, signature] = await Promise.all([identity("keyEncipherment"), identity("nonRepudiation")]);
    s.answers.certificates = found({ encryption: encryption.certificate, signature: signature.certificate });
    for (let n = 0; n < 3; n++)
      expect(await s.resolve()).toMatchObject({
        encryptionCertificate: encryption.certificate,
        signatureCertificate: signature.certificate,
      });
    expect(s.calls.certificates).toBe(1);
    s.registry.invalidate("2");
    s.answers.profile = found(cppOf({ herId: "2" }));
    expect(await s.resolve()).not.toHaveProperty("encryptionCertificate");
    expect(s.calls.certificates).toBe(1);
    const without = testRegistry();
    without.answers.certificates = down;
    expect(await without.code()).toBe("registry/unavailable");
  });

  it("S9: each role has a certificate of its own in a profile, or the one for both uses", async () => {
    const [signing, dual] = await Promise.all([
      identity("nonRepudiation"),
      identity("nonRepudiation", "keyEncipherment"),
    ]);
    const s = testRegistry();
    const used = async () => {
      const { encryptionCertificate, signatureCertificate } = await s.resolve();
      return [encryptionCertificate?.serialNumber, signatureCertificate?.serialNumber];
    };
    s.answers.profile = found(cppOf({ herId: "2", certificates: [signing, dual] }));
    expect(await used()).toEqual([dual.certificate.serialNumber, signing.certificate.serialNumber]);
    s.registry.invalidate("2");
    s.answers.profile = found(cppOf({ herId: "2", certificates: [dual] }));
    expect(await used()).toEqual([dual.certificate.serialNumber, dual.certificate.serialNumber]);
  });

  it("does not keep a blank queue", async () => {
    expect((await testRegistry().resolve()).queues).not.toHaveProperty("sync");
  });
});

describe("fallback", () => {
  it('R1: only "not found" goes on: from the agreement named to that of the two, to the profile, to a dummy', async () => {
    const s = testRegistry();
    const named = { cpaId };
    expect(await s.code(named)).toBe("dummy");
    expect(s.calls).toEqual({ party: 1, certificates: 1, agreement: 1, agreementFor: 1, profile: 1 });
    for (const step of ["agreement", "agreementFor", "profile"] as const) {
      for (const failure of [down, refused]) {
        const t = testRegistry();
        t.answers.profile = found(cppOf({ herId: "2" }));
        t.answers[step] = failure;
        expect(await t.code(named), `${step} ${failure.kind}`).toBe("registry/unavailable");
      }
    }
  });

  it("R1: in an outage the last answers hold within a limit, dummies included, and then the error says to try again", async () => {
    for (const [kind, set] of [
      ["dummy", () => {}],
      ["cpp", (a) => (a.profile = found(cppOf({ herId: "2" })))],
      ["cpa", (a) => (a.agreementFor = found(cpaOf(both)))],
    ] as const satisfies readonly [string, (a: ReturnType<typeof testRegistry>["answers"]) => unknown][]) {
      const s = testRegistry();
      set(s.answers);
      expect(await s.code()).toBe(kind);
      const failing = [down, refused][Number(kind === "cpp")] ?? down;
      Object.assign(s.answers, {
        party: failing,
        certificates: failing,
        agreement: failing,
        agreementFor: failing,
        profile: failing,
      });
      for (const age of [20 * minute, 2 * hour, 23 * hour]) {
        s.answers.now = Date.UTC(2025, 5, 1) + age;
        expect(await s.code(), `${kind} after ${age}`).toBe(kind);
      }
      s.answers.now = Date.UTC(2025, 5, 1) + 25 * hour;
      await expect(s.resolve()).rejects.toMatchObject({ code: "registry/unavailable", retryable: true });
    }
  });

  it("R1: a party that was unknown is not unknown for good while the registry is down", async () => {
    const s = testRegistry();
    s.answers.party = notFound;
    expect(await s.code()).toBe("registry/party-unknown");
    s.answers.now += 2 * minute;
    s.answers.party = down;
    expect(await s.code()).toBe("registry/unavailable");
  });

  it("tells what the registry said, with its hint and code", async () => {
    const s = testRegistry();
    s.answers.party = {
      kind: "refused",
      error: new HelsekontaktError("rest/unauthorized", "x", {
        hint: "check it",
        remoteCode: "E1",
        context: { httpStatus: 401 },
      }),
    };
    await expect(s.resolve()).rejects.toMatchObject({
      message:
        "[registry/unavailable] expected the registry to answer for a communication party, found a refusal (rest/unauthorized)",
      hint: "check it",
      remoteCode: "E1",
      context: { httpStatus: 401, answer: "refused", code: "rest/unauthorized" },
    });
  });

  it("takes a registry that throws for one that does not answer", async () => {
    const s = testRegistry({ addressRegistry: { party: () => Promise.reject(new TypeError("secret")) } });
    const error = await s.resolve().catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "registry/unavailable", retryable: true });
    expect(inspect(error)).not.toContain("secret");
  });

  it("never takes a document that cannot be read for a missing one, or for an outage", async () => {
    const s = testRegistry();
    for (const text of ["", "<html>", "<!DOCTYPE a><a/>", `<a xmlns="urn:x"/>`, "\u0000"]) {
      s.answers.agreementFor = found(Buffer.from(text));
      s.answers.now += minute;
      expect(await s.code()).toBe("registry/profile-invalid");
    }
  });

  it("does not fetch a document that cannot be read for each send, and uses the last good one meanwhile", async () => {
    const s = testRegistry();
    s.answers.agreementFor = found(Buffer.from("<html>"));
    for (let n = 0; n < 5; n++) expect(await s.code()).toBe("registry/profile-invalid");
    expect(s.calls.agreementFor).toBe(1);
    s.registry.invalidate("2");
    s.answers.agreementFor = found(cpaOf(both));
    expect(await s.code()).toBe("cpa");
    s.answers.agreementFor = found(Buffer.from("<html>"));
    s.answers.now += 2 * hour;
    expect(await s.code()).toBe("cpa");
    s.answers.now += 25 * hour;
    expect(await s.code()).toBe("registry/profile-invalid");
  });
});

describe("own parties", () => {
  it("R4: two own HER-ids look at one cached agreement, each as its own side", async () => {
    const s = testRegistry();
    s.answers.agreement = found(
      cpaOf([
        { herId: "1", functions: ["A"] },
        { herId: "2", functions: ["B"] },
      ]),
    );
    const asOne = await s.resolve({ herId: "2", ownHerId: "1", cpaId });
    const asTwo = await s.resolve({ herId: "1", ownHerId: "2", cpaId });
    expect([capabilityOf(asOne, "B"), capabilityOf(asOne, "A")]).toEqual(["supported", "unsupported"]);
    expect([capabilityOf(asTwo, "B"), capabilityOf(asTwo, "A")]).toEqual(["unsupported", "supported"]);
    expect([asOne.herId, asTwo.herId, s.calls.agreement]).toEqual(["2", "1", 1]);
  });

  it("R4: an own HER-id that is no party of the agreement is an error, cached or not", async () => {
    const s = testRegistry();
    s.answers.agreement = found(cpaOf(both));
    s.answers.agreementFor = s.answers.agreement;
    for (const o of [{ cpaId }, {}]) {
      await expect(s.resolve({ ownHerId: "9", ...o })).rejects.toThrow(
        "[registry/profile-invalid] expected the HER-id to be a party of the cpa",
      );
      await expect(s.resolve({ herId: "9", ...o })).rejects.toThrow("to be a party of the cpa");
      expect(await s.code(o)).toBe("cpa");
    }
    expect(s.calls.agreement).toBe(1);
  });

  it("R4: the agreement of two is known by its id as well", async () => {
    const s = testRegistry();
    s.answers.agreementFor = found(cpaOf(both));
    await s.resolve();
    expect(await s.resolve({ cpaId: cpaId.toUpperCase() })).toMatchObject({ kind: "cpa", cpaId });
    expect(s.calls).toMatchObject({ agreement: 0, agreementFor: 1 });
  });
});

describe("checks", () => {
  it.each([
    ["over", { end: "2025-05-31T23:59:59Z" }],
    ["not begun", { start: "2025-06-01T00:00:01Z" }],
    ["ended by its status", { status: "terminated" }],
  ])("R6: an agreement that is %s is an error, or told with the party when checks are lenient", async (_, facts) => {
    const s = testRegistry();
    s.answers.agreementFor = found(cpaOf(both, facts));
    await expect(s.resolve()).rejects.toMatchObject({
      code: "registry/agreement-expired",
      retryable: false,
      context: { cpaId, herId: "2" },
    });
    const warnings: unknown[] = [];
    const logger: Logger = { ...silentLogger, warn: (_text, fields) => void warnings.push(fields) };
    const lenient = testRegistry({ checks: "lenient", logger });
    lenient.answers.agreementFor = s.answers.agreementFor;
    expect(await lenient.resolve()).toMatchObject({ kind: "cpa", concerns: ["agreement-expired"] });
    expect(warnings).toMatchObject([{ concern: "agreement-expired", cpaId }]);
  });

  it("R6: an agreement that runs out while it is kept is noticed, and status as NHN writes it stands", async () => {
    const s = testRegistry();
    s.answers.agreementFor = found(cpaOf(both, { status: "proposed", end: "2025-06-01T00:05:00Z" }));
    expect(await s.resolve()).not.toHaveProperty("concerns");
    s.answers.now += 5 * minute + 1;
    expect(await s.code()).toBe("registry/agreement-expired");
    // It is asked for again as soon as a missing one: the next agreement is not waited an hour for.
    expect(s.calls.agreementFor).toBe(2);
    expect(await s.code()).toBe("registry/agreement-expired");
    expect(s.calls.agreementFor).toBe(2);
    s.answers.now += minute;
    s.answers.agreementFor = found(cpaOf(both));
    expect(await s.code()).toBe("cpa");
  });

  it("R6: a message that names an agreement that is over is judged by the one that took its place", async () => {
    const s = testRegistry();
    s.answers.agreement = found(cpaOf(both, { end: "2025-05-01T00:00:00Z" }));
    const next = "0a1b2c3d-0000-4000-8000-000000000002";
    s.answers.agreementFor = found(cpaOf(both, { id: next }));
    expect(await s.resolve({ cpaId })).toMatchObject({ kind: "cpa", cpaId: next });
    s.registry.invalidate("2");
    s.answers.agreementFor = notFound;
    expect(await s.code({ cpaId })).toBe("registry/agreement-expired");
  });

  it("R6: inactive and invalid parties are errors, or told with the party when checks are lenient", async () => {
    for (const state of [{ active: false }, { valid: false }, { active: false, valid: false }]) {
      const s = testRegistry();
      s.answers.party = found({ ...factsOf("2"), ...state });
      expect(await s.code()).toBe("registry/party-inactive");
      s.answers.now += minute;
      s.answers.party = found(factsOf("2"));
      expect(await s.code()).toBe("dummy");
      s.answers.party = found({ ...factsOf("2"), ...state });
      const lenient = testRegistry({ checks: "lenient" });
      lenient.answers.party = s.answers.party;
      expect(await lenient.resolve()).toMatchObject({ kind: "dummy", concerns: ["party-inactive"] });
    }
  });
});

describe("functions without profile", () => {
  it("U4: the exception for a function is configuration: with it nobody is asked for a profile, without it they are", async () => {
    for (const [withoutProfile, kind, asked] of [
      [["TIMERESERVASJON"], "dummy", 0],
      [[], "cpp", 1],
      [undefined, "cpp", 1],
    ] as const) {
      const s = testRegistry(withoutProfile === undefined ? {} : { withoutProfile });
      s.answers.profile = found(cppOf({ herId: "2" }));
      const party = await s.resolve({ function: "TIMERESERVASJON" });
      expect([party.kind, s.calls.agreementFor]).toEqual([kind, asked]);
      expect(await s.code()).toBe("cpp");
    }
  });
});
