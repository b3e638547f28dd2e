import { describe, expect, it } from "vitest";
import { type HelsekontaktError, Personal, ValidationError } from "../src/index.ts";
import { failure, useSandbox } from "./_harness.ts";

const harness = useSandbox();
const guid = "1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a01";
const span = { from: "2026-08-01", to: "2027-07-31" };

describe("aktivsjekk.check()", () => {
  it("asks in calls of at most the batch size and keeps the order given", async () => {
    const { sdk } = await harness.run({ start: false });
    const numbers = harness.sandbox.citizens.map((c) => c.fnr);
    const progress: number[] = [];
    const before = harness.sandbox.rest.counts.aktivsjekken;
    const result = await sdk.aktivsjekk.check(numbers, { batchSize: 50, onProgress: (p) => progress.push(p.checked) });
    expect(result.calls).toBe(3);
    expect(harness.sandbox.rest.counts.aktivsjekken - before).toBe(3);
    expect(progress).toEqual([50, 100, 120]);
    expect(result.citizens.map((c) => c.fnr.reveal())).toEqual(numbers);
    expect(result.counts).toEqual({ self: 84, representative: 12, none: 12, unknown: 12 });
  });

  it("takes a missing key for unknown, not for no", async () => {
    const { sdk } = await harness.run({ start: false });
    const { citizens } = await sdk.aktivsjekk.check([harness.citizen("unknown").fnr, harness.citizen("none").fnr]);
    expect(citizens.map((c) => c.reach)).toEqual(["unknown", "none"]);
  });

  it("tells who has been given a representative", async () => {
    const { sdk } = await harness.run({ start: false });
    const { citizens } = await sdk.aktivsjekk.check([
      harness.citizen("assigned").fnr,
      harness.citizen("representative").fnr,
      harness.citizen("self").fnr,
    ]);
    expect(citizens.map((c) => [c.reach, c.tildeltFullmakt])).toEqual([
      ["representative", true],
      ["representative", false],
      ["self", false],
    ]);
  });

  it("asks for a number once, wrapped or not", async () => {
    const { sdk } = await harness.run({ start: false });
    const { fnr } = harness.citizen("self");
    expect((await sdk.aktivsjekk.check([fnr, new Personal(fnr), fnr])).citizens).toHaveLength(1);
  });

  it("asks nothing when one number is malformed, and names the place only", async () => {
    const { sdk } = await harness.run({ start: false });
    const before = harness.sandbox.rest.counts.aktivsjekken;
    const error = await failure(sdk.aktivsjekk.check([harness.citizen("self").fnr, "0181801008"]));
    expect(error.code).toBe("input/invalid");
    expect(error.message).toContain("index 1");
    expect(error.message).not.toContain("0181801008");
    expect(harness.sandbox.rest.counts.aktivsjekken).toBe(before);
  });

  it.each([0, 1_001, 2.5, Number.NaN])("refuses a batch size of %s", async (batchSize) => {
    const { sdk } = await harness.run({ start: false });
    const error = await failure(sdk.aktivsjekk.check([harness.citizen("self").fnr], { batchSize }));
    expect(error.code).toBe("input/invalid");
  });

  it("ends when the caller cancels between two calls", async () => {
    const { sdk } = await harness.run({ start: false });
    const abort = new AbortController();
    const error = await failure(
      sdk.aktivsjekk.check(
        harness.sandbox.citizens.map((c) => c.fnr),
        { batchSize: 10, signal: abort.signal, onProgress: () => abort.abort() },
      ),
    );
    expect(error.code).toBe("abort/cancelled");
  });
});

describe("medlemstjenester", () => {
  it("refuses members of an organisation without offerings, member by member", async () => {
    const { sdk } = await harness.run({ start: false });
    const result = await sdk.medlemstjenester.register([{ fnr: harness.citizen("self").fnr, ...span }]);
    expect(result.members.map((m) => [m.outcome, m.codes])).toEqual([["rejected", ["2119"]]]);
  });

  it("publishes offerings, registers members, and keeps who is not active for a retry", async () => {
    const { sdk, journal } = await harness.run({ start: false });
    const published = await sdk.medlemstjenester.publish([
      { id: guid, name: "Studenthelsetjenesten", herId: "200004" },
    ]);
    expect(published.offerings).toBe(1);
    expect(harness.sandbox.rest.state.offerings.size).toBe(1);

    const absent = harness.citizen("none");
    const members = [harness.citizen("self"), absent, harness.citizen("self", 1)].map(({ fnr }) => ({ fnr, ...span }));
    const first = await sdk.medlemstjenester.register(members, { batchSize: 2, retryAfterMs: 0 });
    expect(first.calls).toBe(2);
    expect(first.members.map((m) => m.outcome)).toEqual(["registered", "not-active", "registered"]);
    expect(first.counts).toEqual({ registered: 2, "not-active": 1, rejected: 0, unanswered: 0 });

    const due = await sdk.medlemstjenester.due();
    expect(due.map((m) => [m.person.reveal(), m.status])).toEqual([[absent.fnr, "inactive"]]);
    harness.sandbox.setStatus(absent.fnr, "self");
    const again = await sdk.medlemstjenester.register(
      due.map((m) => ({ fnr: m.person, from: m.start ?? "", to: m.end ?? "" })),
    );
    harness.sandbox.setStatus(absent.fnr, "none");
    expect(again.counts.registered).toBe(1);
    expect(await sdk.medlemstjenester.due()).toEqual([]);
    expect(await journal.members.count()).toMatchObject({ active: 3 });
  });

  it("does not bring a member back before the pause is over", async () => {
    const { sdk } = await harness.run({ start: false });
    await sdk.medlemstjenester.register([{ fnr: harness.citizen("none").fnr, ...span }]);
    expect(await sdk.medlemstjenester.due()).toEqual([]);
  });

  it("refuses what breaks the profile before anything is sent", async () => {
    const { sdk } = await harness.run({ start: false });
    const before = harness.sandbox.rest.counts.helsekontakter;
    const error = await failure(sdk.medlemstjenester.register([{ fnr: "01818010083", from: "1.8.2026", to: span.to }]));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.code).toBe("fhir/not-valid");
    expect((error as unknown as ValidationError).issues[0]?.path).toContain("period");
    expect((await failure(sdk.medlemstjenester.publish([]))).code).toBe("input/invalid");
    expect(harness.sandbox.rest.counts.helsekontakter).toBe(before);
  });

  it("keeps in the register what was answered before a fault", async () => {
    const { sdk, journal } = await harness.run({ start: false });
    await sdk.medlemstjenester.publish([{ id: guid, name: "Studenthelsetjenesten" }]);
    const members = harness.sandbox.citizens.slice(0, 4).map(({ fnr }) => ({ fnr, ...span }));
    const error = await failure(
      sdk.medlemstjenester.register(members, {
        batchSize: 2,
        onProgress: () => harness.sandbox.faults.add("helsekontakter", { kind: "status", status: 400 }),
      }),
    );
    expect(error.code).toBe("rest/http-status");
    expect(await journal.members.count()).toMatchObject({ active: 2 });
  });

  it("works without a journal, and says what due() needs", async () => {
    const { createHelsekontakt } = await import("../src/index.ts");
    const sdk = createHelsekontakt(harness.sandbox.config);
    const result = await sdk.medlemstjenester.register([{ fnr: harness.citizen("self").fnr, ...span }]);
    expect(result.counts.registered).toBe(1);
    const error = (await failure(sdk.medlemstjenester.due())) as HelsekontaktError;
    expect([error.code, error.context["paths"]]).toEqual(["config/missing", ["journal"]]);
  });
});

describe("the guard of persons", () => {
  // Of the form of a real number, but its control digits fit nobody.
  const real = "01010112345";

  it("refuses a number that may be real outside PROD in every flow, without repeating it", async () => {
    const { sdk, journal } = await harness.run({ start: false });
    const patient = { fnr: real, familyName: "Syntetisk", givenName: "Signe" };
    const contact = { team: { name: "Nord", members: [{ role: "Lege" }] }, from: "2026-11-25", access: "N" as const };
    const attempts = [
      sdk.aktivsjekk.check([harness.citizen("self").fnr, real]),
      sdk.medlemstjenester.register([{ fnr: real, ...span }]),
      sdk.notifikasjon.send({ patient, contact }),
      sdk.ekontakt.ask({ patient, subject: "S", text: "T" }),
      sdk.tjenesteoversikt.send({ patient, services: [] }),
    ];
    const places = ["citizens[1]", "members[0].fnr", "patient.fnr", "patient.fnr", "patient.fnr"];
    for (const [i, attempt] of attempts.entries()) {
      const error = await failure(attempt);
      expect(error.code).toBe("input/invalid");
      expect(error.context).toEqual({ place: places[i] });
      expect(error.message).not.toContain(real);
    }
    expect(await journal.outbox.list()).toEqual([]);
    expect(await journal.members.count()).toMatchObject({ active: 0, inactive: 0, unknown: 0 });
  });

  it("lets it pass where the configuration says so", async () => {
    const { sdk } = await harness.run({ start: false, config: { personGuard: false } });
    expect((await sdk.aktivsjekk.check([real])).counts.unknown).toBe(1);
  });
});
