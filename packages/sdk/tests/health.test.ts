import { createIdentity, type OwnKeys, reloadKeys } from "@helsekontakt/amqp-messaging/protection";
import { systemClock } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { accept, createHelsekontakt, diagnose, openJournal, sqliteStore } from "../src/index.ts";
import { until, useSandbox } from "./_harness.ts";

const harness = useSandbox();
const contact = { team: { name: "Nord", members: [{ role: "Lege" }] }, from: "2026-11-25", access: "N" as const };
const day = 86_400_000;

describe("health()", () => {
  it("is failing before the start, ready and well after it, and not ready after the stop", async () => {
    const { sdk } = await harness.run({ start: false });
    const before = await sdk.health();
    expect([before.ready, before.level, before.reasons.map((r) => r.code)]).toEqual([
      false,
      "failing",
      ["not-started"],
    ]);
    await sdk.start();
    expect(await sdk.health()).toMatchObject({ ready: true, level: "ok", reasons: [] });
    await sdk.stop();
    expect((await sdk.health()).ready).toBe(false);
  });

  it("warns of what was set aside, with the next step", async () => {
    const journal = await openJournal({ store: sqliteStore({ file: harness.file("health.sqlite") }), maxTries: 1 });
    const { sdk } = await harness.run({ config: { journal } });
    sdk.ekontakt.onMessage(() => {
      throw new Error("the application's own fault");
    });
    await harness.sandbox.counterpart.sendRequest({
      citizen: harness.citizen("self"),
      toHerId: "200002",
      subject: "Emne",
      text: "Tekst",
    });
    const health = await until(async () => {
      const found = await sdk.health();
      return found.reasons.length > 0 ? found : undefined;
    }, "a warning");
    expect(health).toMatchObject({ ready: true, level: "warning", reasons: [{ code: "set-aside" }] });
    expect(health.reasons[0]?.hint).toContain("setAside");
    await sdk.stop();
    await journal.close();
  });

  it("O9: turns yellow sixty days before the end of an own certificate, and red after it", async () => {
    let now = Date.now();
    const clock = { now: () => now, sleep: systemClock.sleep };
    const journal = await openJournal({ store: sqliteStore({ file: harness.file("days.sqlite") }) });
    const { sdk } = await harness.run({ start: false, config: { journal, clock } });
    const certificates = async () =>
      (await sdk.health()).reasons.filter((r) => r.code.startsWith("certificate")).map((r) => [r.level, r.code]);
    expect(await certificates()).toEqual([]);
    // The sandbox's certificates hold for a year.
    now += 320 * day;
    expect(await certificates()).toEqual([
      ["warning", "certificate-expires"],
      ["warning", "certificate-expires"],
    ]);
    now += 60 * day;
    expect(await certificates()).toEqual([
      ["failing", "certificate-expired"],
      ["failing", "certificate-expired"],
    ]);
    await journal.close();
  });
});

describe("certificates", () => {
  it("O9: an event tells of own and partners' certificates 60, 30 and 7 days ahead", async () => {
    let now = Date.now();
    const hours: (() => void)[] = [];
    // The hourly look comes when the test says so; everything else sleeps as ever.
    const clock = {
      now: () => now,
      sleep: (ms: number, signal?: AbortSignal) =>
        ms === 3_600_000 ? new Promise<void>((resolve) => hours.push(resolve)) : systemClock.sleep(ms, signal),
    };
    const journal = await openJournal({ store: sqliteStore({ file: harness.file("ahead.sqlite") }) });
    const { sdk } = await harness.run({ start: false, config: { journal, clock } });
    const told: string[] = [];
    sdk.onEvent((event) => {
      if (event.type === "certificate-expires")
        told.push(`${event.herId === undefined ? "own" : "partner"} ${event.role} ${event.level}`);
    });
    await sdk.start();
    const sent = await sdk.notifikasjon.send({ patient: harness.patient(), contact });
    await sent.receipt();
    const look = async (days: number): Promise<string[]> => {
      told.length = 0;
      now += days * day;
      hours.shift()?.();
      await until(async () => (hours.length > 0 ? true : undefined), "the next look");
      return [...told].sort();
    };
    expect(await look(0)).toEqual([]);
    // The sandbox's certificates hold for a year.
    const all = ["own decryption", "own signing", "partner encryption", "partner signature"];
    expect(await look(310)).toEqual(all.map((one) => `${one} yellow`));
    expect(await look(1)).toEqual([]);
    expect(await look(49)).toEqual(all.map((one) => `${one} red`));
    await sdk.stop();
    await journal.close();
  });
});

describe("keySource", () => {
  it("opens messages with a key that was put in place while everything runs", async () => {
    const { identities } = harness.sandbox;
    const year = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 365 * day) };
    const other = await createIdentity({
      subject: { commonName: "Eksempel kommune" },
      usage: ["keyEncipherment"],
      ...year,
    });
    let keys: OwnKeys = { signing: identities.provider.signing, decryption: [other] };
    const changes: string[] = [];
    const keySource = reloadKeys(() => keys, { everyMs: 0, onChange: () => changes.push("changed") });
    const { keys: _given, ...config } = harness.sandbox.config;
    const journal = await openJournal({ store: sqliteStore({ file: harness.file("reload.sqlite") }) });
    const sdk = createHelsekontakt({ ...config, journal, keySource });
    sdk.ekontakt.onMessage(() => accept());
    await sdk.start();
    try {
      // With the first keys an AppRec could not be opened.
      keys = { signing: identities.provider.signing, decryption: [identities.provider.encryption, other] };
      await keySource();
      await until(() => (changes.length === 1 ? true : undefined), "the keys to be read anew");
      const sent = await sdk.notifikasjon.send({ patient: harness.patient(), contact });
      expect((await sent.receipt()).status).toBe("accepted");
      const own = (await diagnose({ ...config, journal, keySource }, { only: ["certificates.own"] })).checks;
      expect(own.find((c) => c.id === "certificates.own")?.outcome).not.toBe("skipped");
    } finally {
      await sdk.stop();
      await journal.close();
    }
  });

  it("and keys together are a fault of the configuration", async () => {
    const { sandbox } = harness;
    expect(() => createHelsekontakt({ ...sandbox.config, keySource: () => ({}) })).toThrow(/keySource/);
  });
});
