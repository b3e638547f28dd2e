import type { HelsekontaktError } from "@helsekontakt/core";
import type { MemberAnswerForm } from "@helsekontakt/sandbox";
import { profileUrls } from "@helsekontakt/types/fhir";
import { validateFhir } from "@helsekontakt/validators/fhir";
import { afterEach, describe, expect, it } from "vitest";
import { createHelsekontakt, type HelsekontaktConfig, type Offering, ValidationError } from "../src/index.ts";
import { buildOfferingsBundle } from "../src/offerings/bundle.ts";
import { failure, useSandbox } from "./_harness.ts";

const harness = useSandbox();
const [first, second, third] = [1, 2, 3].map((n) => `1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a0${n}`) as [
  string,
  string,
  string,
];
const place = {
  line: ["Eksempelveien 1", "2. etasje"],
  postalCode: "0001",
  city: "Oslo",
  phone: "12345678",
  url: "https://www.example.org",
};
const offerings: readonly Offering[] = [
  { id: first, name: "Studenthelsetjenesten", comment: "Lege og psykolog", herId: "200004", location: place },
  { id: second, name: "Tannhelse", location: [place, { line: "Eksempelveien 2", postalCode: "0002", city: "Oslo" }] },
];
const [one, two] = offerings as [Offering, Offering];
const span = { from: "2026-08-01", to: "2027-07-31" };
const calls = () => harness.sandbox.rest.counts.helsekontakter;

afterEach(() => {
  const { state } = harness.sandbox.rest;
  state.offerings.clear();
  state.organisations.clear();
  state.members.clear();
  Object.assign(state.behaviour, { form: "batch-response", named: true, replaceOfferings: false });
});

const wires = (config: NonNullable<HelsekontaktConfig["medlemstjenester"]>) => ({
  start: false,
  config: { medlemstjenester: config },
});

describe("publishing offerings", () => {
  it("sends what is new, nothing when nothing changed, and tells what changed by its path", async () => {
    const { sdk } = await harness.run({ start: false });
    const { offerings: api } = sdk.medlemstjenester;
    const before = calls();
    const preview = await api.diff(offerings);
    expect(preview).toMatchObject({ result: "sent", offerings: 2 });
    expect(preview.changes.map((c) => [c.kind, c.id])).toEqual([
      ["new", undefined],
      ["new", first],
      ["new", second],
    ]);
    expect(calls()).toBe(before);

    expect(await api.publish(offerings)).toEqual(preview);
    expect(calls()).toBe(before + 1);
    expect([...harness.sandbox.rest.state.offerings.values()].map((o) => [o.id, o.name, o.active])).toEqual([
      [first, "Studenthelsetjenesten", true],
      [second, "Tannhelse", true],
    ]);

    expect(await api.publish([two, one])).toMatchObject({
      result: "unchanged",
      offerings: 0,
      changes: [],
      bundles: [{ result: "unchanged" }],
    });
    expect(calls()).toBe(before + 1);

    const moved = [{ ...one, name: "Studenthelse", location: { ...place, city: "Bergen" } }, two];
    const changed = await api.publish(moved);
    expect(changed.changes).toEqual([
      {
        organisation: "998888887",
        id: first,
        kind: "changed",
        paths: ["HealthcareService.name", "Location.address.city"],
      },
    ]);
    // Paths only: values are the journal's and the service's.
    expect(JSON.stringify(changed)).not.toMatch(/Bergen|Oslo|Studenthelse/);
    expect((await api.publish(moved, { force: true })).result).toBe("sent");
    expect(calls()).toBe(before + 3);
  });

  it("knows after a new start what was sent, and after a refusal that it was not", async () => {
    const journalFile = harness.file("offerings.sqlite");
    const { sdk, journal } = await harness.run({ start: false, journalFile });
    harness.sandbox.faults.add("helsekontakter", { kind: "status", status: 400 });
    expect((await failure(sdk.medlemstjenester.publish(offerings))).code).toBe("rest/http-status");
    expect((await sdk.medlemstjenester.publish(offerings)).result).toBe("sent");
    await journal.close();
    const again = await harness.run({ start: false, journalFile });
    expect((await again.sdk.medlemstjenester.publish(offerings)).result).toBe("unchanged");
    expect((await again.sdk.medlemstjenester.offerings.sent()).map((s) => [s.offering.id, s.withdrawn])).toEqual([
      [first, false],
      [second, false],
    ]);
  });

  it("keeps what a list leaves out, and withdraws it when that is asked for", async () => {
    const { sdk } = await harness.run({ start: false });
    const { offerings: api } = sdk.medlemstjenester;
    const active = () => [...harness.sandbox.rest.state.offerings.values()].filter((o) => o.active).map((o) => o.id);
    await api.publish(offerings);
    expect(await api.publish([one])).toMatchObject({ result: "unchanged", changes: [{ id: second, kind: "missing" }] });
    expect(active()).toEqual([first, second]);
    expect(await api.publish([one], { missing: "withdraw" })).toMatchObject({
      changes: [{ id: second, kind: "withdrawn" }],
    });
    expect(active()).toEqual([first]);
    expect((await api.publish([one])).changes).toEqual([]);
    expect(await api.publish(offerings)).toMatchObject({
      changes: [{ id: second, kind: "changed", paths: ["HealthcareService.active"] }],
    });
    expect(active()).toEqual([first, second]);
  });

  it("withdraws by GUID, by active=false or by leaving out", async () => {
    for (const offeringWithdrawal of ["inactive", "omit"] as const) {
      harness.sandbox.rest.state.behaviour.replaceOfferings = offeringWithdrawal === "omit";
      const { sdk } = await harness.run(wires({ offeringWithdrawal }));
      const { offerings: api } = sdk.medlemstjenester;
      await api.publish(offerings);
      const result = await api.withdraw([second.toUpperCase()]);
      expect(result.changes.map((c) => [c.id, c.kind])).toEqual([[second, "withdrawn"]]);
      const { state } = harness.sandbox.rest;
      expect(state.offerings.get(first)?.active).toBe(true);
      expect(state.offerings.get(second)?.active).toBe(offeringWithdrawal === "inactive" ? false : undefined);
      expect((await failure(api.withdraw([third]))).code).toBe("input/invalid");
      if (offeringWithdrawal === "omit") {
        const last = await failure(api.withdraw([first]));
        expect([last.code, last.message]).toEqual(["input/invalid", expect.stringContaining("the last one")]);
      } else {
        await api.withdraw([first]);
        expect(state.organisations.size).toBe(0);
      }
    }
  });

  it("sends one Bundle per organisation, and only the one that changed", async () => {
    const { sdk } = await harness.run({ start: false });
    const other = { organisationNumber: "998888887", name: "Eksempel kommune", herId: "200001" };
    const stranger = { organisationNumber: "999999999", name: "Annen", herId: "200009" };
    const result = await failure(
      sdk.medlemstjenester.publish([
        { ...one, organisation: other },
        { ...two, organisation: stranger },
      ]),
    );
    // The token is for 998888887 alone: the sandbox holds to it.
    expect([result.code, (result.context as { httpStatus?: number }).httpStatus]).toEqual(["rest/forbidden", 403]);
    const next = await failure(
      sdk.medlemstjenester.publish([
        { ...one, organisation: other },
        { ...two, organisation: { ...other, name: "B" } },
      ]),
    );
    expect(next.message).toContain("offerings[1].organisation");
    const again = await failure(
      sdk.medlemstjenester.publish(
        [
          { ...one, organisation: other },
          { ...two, organisation: stranger },
        ],
        { force: true },
      ),
    );
    expect(again.code).toBe("rest/forbidden");
    const plan = await sdk.medlemstjenester.offerings.diff([
      { ...one, organisation: other },
      { ...two, organisation: stranger },
    ]);
    expect(plan.bundles.map((b) => [b.organisation, b.result])).toEqual([
      ["998888887", "unchanged"],
      ["999999999", "sent"],
    ]);
  });

  it.each([
    [{ ...one, id: "1" }, /a GUID.*offerings\[0\]\.id/],
    [[one, { ...two, id: first.toUpperCase() }], /own GUID.*offerings\[1\]\.id/],
  ] as const)("refuses %#", async (wrong, message) => {
    const { sdk } = await harness.run({ start: false });
    const error = await failure(sdk.medlemstjenester.publish([wrong].flat() as Offering[]));
    expect([error.code, error.message]).toEqual(["input/invalid", expect.stringMatching(message)]);
  });

  it("refuses what breaks the profile before anything is sent", async () => {
    const { sdk } = await harness.run({ start: false });
    const before = calls();
    for (const wrong of [
      { ...one, herId: "12 34" },
      { ...one, name: "" },
      { ...one, organisation: { organisationNumber: "948 554 062", name: "E", herId: "200001" } },
    ])
      expect(await failure(sdk.medlemstjenester.publish([wrong]))).toBeInstanceOf(ValidationError);
    expect(calls()).toBe(before);
  });

  it("works without a journal: all is new, and withdrawing says what it needs", async () => {
    const sdk = createHelsekontakt(harness.sandbox.config);
    for (let n = 0; n < 2; n++) expect((await sdk.medlemstjenester.publish(offerings)).result).toBe("sent");
    const error = (await failure(sdk.medlemstjenester.offerings.withdraw([first]))) as HelsekontaktError;
    expect([error.code, error.context["paths"]]).toEqual(["config/missing", ["journal"]]);
  });
});

describe("the Bundle", () => {
  const organisation = { organisationNumber: "999999999", name: "Eksempel samskipnad", herId: "200005" };
  const build = (organisationEndpoint: "both" | "element-id" | "identifier", guidSystem = "urn:ietf:rfc:3986") =>
    buildOfferingsBundle(organisation, offerings, "200002", { organisationEndpoint, guidSystem });

  it("is the same for the same input, with addresses that all lead somewhere", () => {
    expect(build("both")).toEqual(build("both"));
    const urls = (build("both").entry ?? []).map((e) => e.fullUrl);
    expect(new Set(urls).size).toBe(urls.length);
    const references = (build("both").entry ?? []).flatMap(({ resource }) =>
      resource?.resourceType === "HealthcareService"
        ? [resource.providedBy?.reference, ...(resource.location ?? []).map((l) => l.reference)]
        : [],
    );
    expect(references).toHaveLength(5);
    for (const reference of references) expect(urls).toContain(reference);
  });

  it.each([
    ["both", { id: "200005", identifier: { value: "200005" } }],
    ["element-id", { id: "200005", type: "Endpoint" }],
    ["identifier", { identifier: { value: "200005" } }],
  ] as const)("writes Organization.endpoint as %s, valid by the profile", (reading, expected) => {
    const bundle = build(reading);
    const resource = bundle.entry?.[0]?.resource;
    const endpoint = resource?.resourceType === "Organization" ? resource.endpoint?.[0] : undefined;
    expect(endpoint).toMatchObject(expected);
    expect(Object.keys(endpoint ?? {}).sort()).toEqual(Object.keys(expected).sort());
    expect(validateFhir(bundle, { profile: profileUrls.HkOfferingsBundle }).valid).toBe(true);
  });

  it("writes the GUID bare in a system that is not for URIs", () => {
    const service = build("both", "https://example.org/tilbud").entry?.[1]?.resource;
    expect(service?.resourceType === "HealthcareService" ? service.identifier?.[0] : undefined).toEqual({
      system: "https://example.org/tilbud",
      value: first,
    });
  });
});

describe("members, whatever the service's form", () => {
  const forms: readonly MemberAnswerForm[] = [
    "batch-response",
    "transaction-response",
    "outcome-bundle",
    "operation-outcome",
    "list",
    "list-by-index",
    "object",
    "lists-by-outcome",
    "xml-list",
  ];
  const run = async (form: MemberAnswerForm, config: HelsekontaktConfig["medlemstjenester"], named = true) => {
    const { sdk } = await harness.run(wires(config ?? {}));
    await sdk.medlemstjenester.publish(offerings);
    const { behaviour } = harness.sandbox.rest.state;
    const refused = harness.citizen("self", 2).fnr;
    behaviour.refuse.set(refused, "1112");
    Object.assign(behaviour, { form, named });
    const fnrs = [harness.citizen("self").fnr, harness.citizen("none").fnr, refused, harness.citizen("self", 1).fnr];
    const result = await sdk.medlemstjenester.register(fnrs.map((fnr) => ({ fnr, ...span })));
    behaviour.refuse.clear();
    return result.members.map((m) => m.outcome);
  };

  it.each(forms)("%s, named and in order", async (form) => {
    expect(await run(form, {})).toEqual(["registered", "not-active", "rejected", "registered"]);
    const ordered = !["object", "lists-by-outcome", "xml-list"].includes(form);
    if (ordered) expect(await run(form, {}, false)).toEqual(["registered", "not-active", "rejected", "registered"]);
    expect([...harness.sandbox.rest.state.members.values()].map((m) => [m.start, m.end])).toEqual([
      [span.from, span.to],
      [span.from, span.to],
    ]);
  });

  it.each(["empty", "no-content"] as const)("%s: what the setting says", async (form) => {
    expect(await run(form, {})).toEqual(Array.from({ length: 4 }, () => "unanswered"));
    expect(await run(form, { emptyAnswer: "accepted" })).toEqual(Array.from({ length: 4 }, () => "registered"));
  });

  it("as XML, as batch or transaction, on paths of their own", async () => {
    for (const bundleType of ["batch", "transaction"] as const)
      expect(
        await run("batch-response", {
          mediaType: "application/fhir+xml",
          bundleType,
          membersPath: "/helsekontakter/api/v1/members",
          offeringsPath: "/helsekontakter/api/v1/offerings",
        }),
      ).toEqual(["registered", "not-active", "rejected", "registered"]);
  });

  it("refuses a setting that does not exist, with the values that do", async () => {
    const wrong = { ...harness.sandbox.config, medlemstjenester: { bundleType: "document" as never } };
    expect(() => createHelsekontakt(wrong)).toThrow(
      /medlemstjenester.*bundleType: expected collection or batch or transaction/,
    );
  });
});
