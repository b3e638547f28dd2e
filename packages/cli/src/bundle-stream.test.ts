import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BundleSplitter } from "./bundle-splitter.ts";
import { type FhirOptions, type FileVerdict, validateBundleFile, validateFile } from "./validate-file.ts";

async function* chunksOf(bytes: Uint8Array, size: number) {
  for (let i = 0; i < bytes.length; i += size) {
    yield bytes.subarray(i, i + size);
    await Promise.resolve();
  }
}

const streamed = (
  text: string | Uint8Array,
  size = 1 << 16,
  options: FhirOptions = {},
): Promise<FileVerdict | undefined> =>
  validateBundleFile("a.json", "json", () => chunksOf(Buffer.from(text as string), size), options);
const sorted = ({ issues, valid, kind }: FileVerdict) => ({
  kind,
  valid,
  issues: issues.map((i) => `${i.path} ${i.rule} ${i.line} ${i.level} ${i.message}`).sort(),
});

const uuid = (n: number): string => `urn:uuid:1a8f7a3e-8f4e-4e0a-8c0e-${String(n).padStart(12, "0")}`;
const patient = (n: number, more: object = {}): object => ({
  fullUrl: uuid(n),
  resource: { resourceType: "Patient", name: [{ family: `Syntetisk } ] " \\ ${n}` }], ...more },
});
const to = (reference: string): object => ({ managingOrganization: { reference } });
const organization = (n: number): object => ({
  fullUrl: `https://a.example/Organization/o${n}`,
  resource: { resourceType: "Organization", id: `o${n}`, name: "Eksempel" },
});

const bundles: Readonly<Record<string, object>> = {
  "good entries that name each other": {
    resourceType: "Bundle",
    type: "collection",
    entry: [patient(1, to("Organization/o1")), organization(1), patient(2, to("https://a.example/Organization/o1"))],
  },
  "references that lead nowhere, or to another type": {
    resourceType: "Bundle",
    entry: [patient(1, to(uuid(9))), patient(2, to(uuid(1))), organization(1)],
    type: "collection",
  },
  "one address twice": {
    resourceType: "Bundle",
    type: "collection",
    entry: [patient(1), patient(2), patient(1)],
  },
  "faults in many entries": {
    resourceType: "Bundle",
    id: "a b",
    type: "collection",
    entry: Array.from({ length: 30 }, (_, n) => patient(n, n % 3 === 0 ? { gender: "x", birthDate: "1.1.2020" } : {})),
  },
  "requests that the type does not have, and a total": {
    resourceType: "Bundle",
    type: "collection",
    total: 3,
    entry: [{ ...patient(1), request: { method: "POST", url: "Patient" } }, patient(2)],
  },
  "a batch": {
    resourceType: "Bundle",
    type: "batch",
    entry: [1, 2].map((n) => ({
      ...patient(n, n === 1 ? to("Organization/o1") : {}),
      request: { method: "POST", url: "Patient" },
    })),
  },
  "no entries": { resourceType: "Bundle", type: "collection" },
};

describe("a Bundle read by its entries", () => {
  it.each(Object.entries(bundles))("gets the verdict of the whole one: %s", async (_, bundle) => {
    for (const space of [0, 2]) {
      const text = JSON.stringify(bundle, null, space);
      const whole = sorted(validateFile("a.json", Buffer.from(text)));
      for (const size of [1, 7, 100, 1 << 16]) {
        const verdict = await streamed(text, size);
        expect(verdict).toBeDefined();
        expect(sorted(verdict as FileVerdict)).toEqual(whole);
      }
    }
  });

  it.each(Object.entries(bundles))("is held to a profile, asked for or declared: %s", async (_, bundle) => {
    const base = "https://helsekontakt.dev/fhir/StructureDefinition";
    for (const name of ["hk-members-bundle", "hk-offerings-bundle", "hk-member"]) {
      const profile = `${base}/${name}`;
      for (const [content, options] of [
        [bundle, { profile }],
        [{ ...bundle, meta: { profile: [profile, "urn:none"] } }, {}],
      ] as const) {
        const text = JSON.stringify(content, null, 1);
        const verdict = await streamed(text, 50, options);
        expect(sorted(verdict as FileVerdict)).toEqual(sorted(validateFile("a.json", Buffer.from(text), options)));
      }
    }
    const none = streamed(JSON.stringify(bundle), 50, { profile: "urn:none" });
    await expect(none).rejects.toThrow("expected a profile of this build");
  });

  it("holds no stand-in of an entry to the profiles of a reference's target, but what the entry contains", async () => {
    const service = (more: object): object => ({
      fullUrl: uuid(1),
      resource: {
        resourceType: "HealthcareService",
        meta: { profile: ["https://helsekontakt.dev/fhir/StructureDefinition/hk-healthcare-service"] },
        identifier: [{ system: "urn:ietf:rfc:3986", value: uuid(1) }],
        active: true,
        name: "Eksempel",
        endpoint: [{ identifier: { system: "urn:oid:2.16.578.1.12.4.1.2", value: "200004" } }],
        ...more,
      },
    });
    const provider = (id: object): object => ({
      resourceType: "Organization",
      identifier: [{ system: "urn:oid:2.16.578.1.12.4.1.4.101", value: "999999999" }],
      name: "Eksempel",
      endpoint: [{ identifier: { system: "urn:oid:2.16.578.1.12.4.1.2", value: "200005" } }],
      ...id,
    });
    const bundle = (...entry: object[]): string =>
      JSON.stringify({ resourceType: "Bundle", type: "collection", entry });
    const good = bundle(service({ providedBy: { reference: uuid(2) } }), { fullUrl: uuid(2), resource: provider({}) });
    const inside = (name: object): string =>
      bundle(service({ contained: [provider({ id: "o", ...name })], providedBy: { reference: "#o" } }));
    for (const text of [good, inside({}), inside({ name: undefined })]) {
      const whole = validateFile("a.json", Buffer.from(text));
      expect(sorted((await streamed(text)) as FileVerdict)).toEqual(sorted(whole));
      expect(whole.valid).toBe(text !== inside({ name: undefined }));
    }
  });

  it("is left to the whole reading where entries alone do not decide", async () => {
    for (const bundle of [
      { resourceType: "Patient" },
      { resourceType: "Bundle", type: "document", entry: [patient(1)] },
    ])
      expect(await streamed(JSON.stringify(bundle))).toBeUndefined();
    expect(await streamed("[1]")).toBeUndefined();
  });

  it("is told to be no JSON where it is none", async () => {
    const good = JSON.stringify(bundles["good entries that name each other"]);
    const texts = [
      good.slice(0, -1),
      `${good} x`,
      good.replace("[{", "[,{"),
      good.replace(/\]\}$/, ",]}"),
      good.replace(/\]\}$/, "]}]"),
      good.replace(/\}$/, ",}"),
      good.replace('"type":', '"type"'),
      good.replace('"type":"collection",', '"type":,'),
      good.replace('"entry":', '"entry":[],"entry":'),
      good.replace('"family"', "family"),
    ];
    for (const text of texts) {
      const verdict = await streamed(text);
      expect(verdict?.valid, text).toBe(false);
      expect(verdict?.issues.map((i) => i.rule)).toContain("fhir/not-readable");
    }
  });

  it("holds one entry at a time", async () => {
    const entries = 5_000;
    let behind = 0;
    const progress = { resources: 0, bytes: 0 };
    const one = JSON.stringify(patient(1)).length;
    const text = JSON.stringify({
      resourceType: "Bundle",
      type: "collection",
      entry: Array.from({ length: entries }, (_, n) => patient(n)),
    });
    async function* watched() {
      let given = 0;
      for await (const chunk of chunksOf(Buffer.from(text), 4096)) {
        if (progress.resources > 0) behind = Math.max(behind, given - progress.resources * one);
        given += chunk.length;
        yield chunk;
      }
    }
    const verdict = await validateBundleFile("a.json", "json", watched, {
      onProgress: (p) => Object.assign(progress, p),
    });
    expect(verdict).toMatchObject({ valid: true, issues: [] });
    expect(progress).toEqual({ resources: entries, bytes: text.length });
    // Addresses of more digits make later entries longer than the first.
    expect(behind).toBeLessThan(entries * 4 + 8192);
  });
});

describe("BundleSplitter", () => {
  it("cuts any object as JSON.parse reads it", () => {
    const json = fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text) as unknown);
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ minLength: 1 }).filter((k) => k !== "entry" && k !== "__proto__"),
          json,
        ),
        fc.array(json),
        fc.constantFrom(0, 1, "\t"),
        fc.integer({ min: 1, max: 40 }),
        (members, entry, space, size) => {
          const bytes = Buffer.from(JSON.stringify({ ...members, entry }, null, space));
          const found: Record<string, unknown> = {};
          const entries: unknown[] = [];
          const read = (piece: { bytes: Uint8Array }): unknown => JSON.parse(Buffer.from(piece.bytes).toString());
          const splitter = new BundleSplitter(
            { member: (name, piece) => (found[name] = read(piece)), entry: (piece) => entries.push(read(piece)) },
            1e6,
          );
          for (let i = 0; i < bytes.length; i += size) splitter.write(bytes.subarray(i, i + size));
          splitter.end();
          expect(splitter.fault).toBeUndefined();
          expect({ found, entries }).toEqual({
            found: JSON.parse(JSON.stringify(members)),
            entries: JSON.parse(JSON.stringify(entry)),
          });
        },
      ),
    );
  });
});
