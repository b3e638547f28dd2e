import { fhirToXml, type Bundle } from "@helsekontakt/types/fhir";
import { serializeXml } from "@helsekontakt/types/xml";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { createHelsekontakterClient, describeWire, type HelsekontakterWire, resolveWire } from "../src/index.ts";
import { type MemberOutcome, readMemberOutcomes, type SentMember } from "../src/member-outcome.ts";
import { type Answer, json, quick, startServer, type TestServer } from "./_server.ts";

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** Synthetic: month + 80. */
const numbers = Array.from({ length: 12 }, (_, n) => `01818010${String(100 + n)}`);
const url = (n: number) => `urn:uuid:00000000-0000-4000-8000-0000000000${String(n).padStart(2, "0")}`;
const sent: SentMember[] = numbers.map((value, index) => ({ index, fullUrl: url(index), identifiers: [value] }));
const members = (count = 3, from = 0): Bundle => ({
  resourceType: "Bundle",
  type: "collection",
  entry: numbers.slice(from, from + count).map((value, n) => ({
    fullUrl: url(from + n),
    resource: {
      resourceType: "Patient",
      identifier: [{ system: "urn:oid:2.16.578.1.12.4.1.4.1", value }],
      contact: [
        {
          organization: { identifier: { system: "urn:oid:2.16.578.1.12.4.1.4.101", value: "999999999" } },
          period: { start: "2026-01-01", end: "2026-12-31" },
        },
      ],
    },
  })),
});

async function client(answer: Answer, wire: Partial<HelsekontakterWire> = {}) {
  server = await startServer(answer);
  return createHelsekontakterClient({ baseUrl: server.url, retry: quick, wire });
}

/** What the service makes of one member, as the tests decide it. */
type Truth = { readonly kind: "accepted" } | { readonly kind: "rejected"; readonly code: string };
const truth: fc.Arbitrary<Truth> = fc.oneof(
  fc.constant({ kind: "accepted" } as const),
  fc.constantFrom("2118", "2119", "1112", "EHAPI-100001").map((code) => ({ kind: "rejected", code }) as const),
);
const bad = (t: Truth): t is Extract<Truth, { kind: "rejected" }> => t.kind === "rejected";

const outcome = (severity: string, code: string, more: object = {}) => ({
  resourceType: "OperationOutcome" as const,
  issue: [{ severity, code: "business-rule", details: { coding: [{ code }] }, ...more }],
});
type Form = (truths: readonly Truth[]) => unknown;
const entryOf = (t: Truth) => ({
  response: bad(t) ? { status: "422 Unprocessable", outcome: outcome("error", t.code) } : { status: "201 Created" },
});
/** Forms that tell every member's outcome, whatever the order of their parts. */
const named: Record<string, (t: Truth, i: number) => unknown> = {
  "Bundle entry by fullUrl": (t, i) => ({ fullUrl: url(i), ...entryOf(t) }),
  "Bundle entry by a repeated Patient": (t, i) => ({
    resource: { resourceType: "Patient", identifier: [{ value: numbers[i] }] },
    ...entryOf(t),
  }),
  "list by fnr and flag": (t, i) => ({ fnr: numbers[i], success: !bad(t), ...(bad(t) ? { errorCode: t.code } : {}) }),
  "list by Norwegian words": (t, i) => ({
    Fødselsnummer: numbers[i],
    Status: bad(t) ? "Avvist" : "Registrert",
    ...(bad(t) ? { feilkode: t.code } : {}),
  }),
  "list by index and status": (t, i) => ({
    index: i,
    statusCode: bad(t) ? 422 : 200,
    ...(bad(t) ? { code: t.code } : {}),
  }),
  "list by bare UUID": (t, i) => ({
    id: url(i).slice(9).toUpperCase(),
    ok: !bad(t),
    ...(bad(t) ? { code: t.code } : {}),
  }),
  "list by nested identifier": (t, i) => ({
    patient: { identifier: { value: numbers[i] } },
    result: bad(t) ? "failed" : "created",
    ...(bad(t) ? { error: t.code } : {}),
  }),
};
const wrap = (name: string, items: readonly unknown[]): unknown =>
  name.startsWith("Bundle") ? { resourceType: "Bundle", type: "batch-response", entry: items } : items;
const ordered: Record<string, Form> = {
  "batch-response in order": (all) => ({ resourceType: "Bundle", type: "batch-response", entry: all.map(entryOf) }),
  "transaction-response with locations": (all) => ({
    resourceType: "Bundle",
    type: "transaction-response",
    entry: all.map((t, i) => (bad(t) ? entryOf(t) : { response: { location: `Patient/${i}/_history/1` } })),
  }),
  "Bundle of OperationOutcomes": (all) => ({
    resourceType: "Bundle",
    type: "collection",
    entry: all.map((t) => ({ resource: bad(t) ? outcome("error", t.code) : outcome("information", "ok") })),
  }),
  "OperationOutcome by expression": (all) => ({
    resourceType: "OperationOutcome",
    issue: [
      { severity: "information", code: "informational" },
      ...all.flatMap((t, i) =>
        bad(t) ? outcome("error", t.code, { expression: [`Bundle.entry[${i}].resource`] }).issue : [],
      ),
    ],
  }),
  "OperationOutcome by XPath, which counts from 1": (all) => ({
    resourceType: "OperationOutcome",
    issue: [
      { severity: "information", code: "informational" },
      ...all.flatMap((t, i) =>
        bad(t) ? outcome("error", t.code, { location: [`/f:Bundle/f:entry[${i + 1}]/f:resource`] }).issue : [],
      ),
    ],
  }),
  "OperationOutcome by diagnostics": (all) => ({
    resourceType: "OperationOutcome",
    issue: [
      { severity: "information", code: "informational" },
      ...all.flatMap((t, i) =>
        bad(t) ? outcome("error", t.code, { diagnostics: `Member ${numbers[i]} refused.` }).issue : [],
      ),
    ],
  }),
  "object by number": (all) =>
    Object.fromEntries(all.map((t, i) => [numbers[i], bad(t) ? { status: "error", code: t.code } : { status: "OK" }])),
  "lists by outcome": (all) => ({
    registrert: all.flatMap((t, i) => (bad(t) ? [] : [numbers[i]])),
    avvist: all.flatMap((t, i) => (bad(t) ? [{ fnr: numbers[i], kode: t.code }] : [])),
  }),
  "list in a named member": (all) => ({
    results: all.map((t) => ({ registered: !bad(t), ...(bad(t) ? { code: t.code } : {}) })),
  }),
};

function check(found: readonly MemberOutcome[], truths: readonly Truth[]): void {
  expect(
    found.map((m) => [m.status, [...m.codes].filter((c) => c !== "ok" && c !== "informational"), m.reason]),
  ).toEqual(
    truths.map((t) =>
      bad(t) ? ["rejected", [t.code], t.code === "2118" ? "not-active" : undefined] : ["accepted", [], undefined],
    ),
  );
  for (const number of numbers) expect(JSON.stringify(found)).not.toContain(number);
}

const truths = fc.array(truth, { minLength: 1, maxLength: numbers.length });

describe("every form tells each member's outcome", () => {
  it.each(Object.entries(named))("%s: in any order", (name, item) => {
    fc.assert(
      fc.property(truths, fc.infiniteStream(fc.nat()), (all, order) => {
        const items = all.map((t, i) => ({ at: order.next().value as number, item: item(t, i) }));
        items.sort((a, b) => a.at - b.at);
        check(
          readMemberOutcomes(
            wrap(
              name,
              items.map((i) => i.item),
            ),
            sent.slice(0, all.length),
          ),
          all,
        );
      }),
    );
  });

  it.each(Object.entries(named))(
    "%s: missing ones are unknown, strangers are left alone, doubles add nothing",
    (name, item) => {
      fc.assert(
        fc.property(
          truths,
          fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
          fc.nat(11),
          (all, kept, twice) => {
            const mine = all.flatMap((t, i) => (kept[i] ? [item(t, i)] : []));
            const again = kept[twice] && all[twice] !== undefined ? [item(all[twice], twice)] : [];
            const stranger = JSON.parse(
              JSON.stringify(item({ kind: "accepted" }, 0))
                .replaceAll(numbers[0] as string, "01818010999")
                .replaceAll(/00000000(?=-0000-4000)/g, "99999999")
                .replaceAll(/"index":0/g, '"index":500'),
            ) as unknown;
            const found = readMemberOutcomes(wrap(name, [...mine, ...again, stranger]), sent.slice(0, all.length));
            const told = all.map((t, i) => (kept[i] ? t : undefined));
            if (mine.length === 0) return;
            check(
              found.filter((_, i) => told[i] !== undefined),
              told.filter((t) => t !== undefined),
            );
            expect(found.filter((_, i) => told[i] === undefined).every((m) => m.status === "unknown")).toBe(true);
          },
        ),
      );
    },
  );

  it.each(Object.entries(ordered))("%s", (_name, form) => {
    fc.assert(fc.property(truths, (all) => check(readMemberOutcomes(form(all), sent.slice(0, all.length)), all)));
  });

  it("never takes garbage for a yes, and never repeats a number", () => {
    const noise = fc.anything({
      key: fc.constantFrom("status", "code", "fnr", "entry", "issue", "x", ...numbers),
      maxDepth: 5,
    });
    fc.assert(
      fc.property(noise, (answer) => {
        const found = readMemberOutcomes(answer, sent);
        expect(found).toHaveLength(sent.length);
        for (const number of numbers) expect(JSON.stringify(found)).not.toContain(number);
      }),
      { numRuns: 300 },
    );
    for (const answer of [{}, [], "ok", { message: "ok" }, { entry: [] }, { resourceType: "Bundle" }])
      expect(readMemberOutcomes(answer, sent).every((m) => m.status === "unknown")).toBe(true);
  });

  it("calls unknown what is said twice and differently", () => {
    const [first] = readMemberOutcomes(
      [
        { fnr: numbers[0], success: true },
        { fnr: numbers[0], success: false, code: "2118" },
        { fnr: numbers[1], success: true },
      ],
      sent.slice(0, 2),
    );
    expect(first).toMatchObject({ status: "unknown", codes: ["2118"] });
  });

  it("deals out the answers of one number that was sent in two entries, and guesses nothing when they are fewer", () => {
    const twice = [sent[0], { ...sent[1], identifiers: [numbers[0]] }] as SentMember[];
    const one = { fnr: numbers[0], success: true };
    const two = { fnr: numbers[0], success: false };
    expect(readMemberOutcomes([one, two], twice).map((m) => m.status)).toEqual(["accepted", "rejected"]);
    expect(readMemberOutcomes([one], twice).map((m) => m.status)).toEqual(["unknown", "unknown"]);
  });

  it("takes no number that was sent twice from a list below a word", () => {
    const twice = [sent[0], { ...sent[1], identifiers: [numbers[0]] }] as SentMember[];
    expect(readMemberOutcomes({ registrert: [numbers[0]] }, twice).map((m) => m.status)).toEqual([
      "unknown",
      "unknown",
    ]);
  });

  it("reads a flag that says inactive as not active, and a known code whatever its severity", () => {
    const list = [
      { fnr: numbers[0], erDigitaltAktiv: false },
      { fnr: numbers[1], status: "Ikke aktiv" },
    ];
    expect(readMemberOutcomes(list, sent.slice(0, 2)).map((m) => m.reason)).toEqual(["not-active", "not-active"]);
    const warning = outcome("warning", "2118", { expression: ["Bundle.entry[0]"] });
    expect(readMemberOutcomes(warning, sent.slice(0, 1))).toMatchObject([{ status: "rejected", reason: "not-active" }]);
  });

  it("counts indexes from 1 only where they cannot be meant from 0", () => {
    const from = (first: number) => [0, 1, 2].map((i) => ({ index: i + first, ok: i !== 1 }));
    for (const first of [0, 1])
      expect(readMemberOutcomes(from(first), sent.slice(0, 3)).map((m) => m.status)).toEqual([
        "accepted",
        "rejected",
        "accepted",
      ]);
  });
});

describe("over HTTP", () => {
  it.each([["application/fhir+json"], ["application/fhir+xml"]] as const)(
    "sends %s and reads XML back",
    async (mediaType) => {
      const answer: Bundle = {
        resourceType: "Bundle",
        type: "batch-response",
        entry: [
          { fullUrl: url(1), response: { status: "422", outcome: outcome("error", "2118") as never } },
          { fullUrl: url(0), response: { status: "201" } },
        ],
      };
      const c = await client(json(200, Buffer.from(serializeXml(fhirToXml(answer))).toString()), { mediaType });
      const { members: found } = await c.registerMembers(members());
      expect(found.map((m) => [m.status, m.reason])).toEqual([
        ["accepted", undefined],
        ["rejected", "not-active"],
        ["unknown", undefined],
      ]);
      const seen = server?.seen[0];
      expect(seen?.headers["content-type"]).toBe(mediaType);
      expect(seen?.body.startsWith(mediaType.endsWith("xml") ? "<" : "{")).toBe(true);
    },
  );

  it("reads lists in other XML", async () => {
    const item = (n: number, ok: boolean) =>
      `<Resultat><Fnr>${numbers[n]}</Fnr><Registrert>${ok}</Registrert></Resultat>`;
    const c = await client(
      json(200, `<ArrayOfResultat>${item(2, true)}${item(0, false)}${item(1, true)}</ArrayOfResultat>`),
    );
    expect((await c.registerMembers(members())).members.map((m) => m.status)).toEqual([
      "rejected",
      "accepted",
      "accepted",
    ]);
  });

  it("reads a list of one in other XML, and null as nothing", async () => {
    const one = `<ArrayOfResultat><Resultat><Registrert>false</Registrert></Resultat></ArrayOfResultat>`;
    const c = await client((seen, response, n) => json(200, n === 1 ? one : "null")(seen, response, n), {
      emptyAnswer: "accepted",
    });
    expect((await c.registerMembers(members(1))).members).toMatchObject([{ status: "rejected" }]);
    expect((await c.registerMembers(members(1))).members).toMatchObject([{ status: "accepted" }]);
  });

  it("gives the entries of a batch or transaction the request that FHIR demands", async () => {
    const c = await client(json(200, {}), { bundleType: "transaction", membersPath: "/m", offeringsPath: "/o" });
    await c.registerMembers(members(1));
    await c.publish({ resourceType: "Bundle", type: "collection", entry: [] });
    expect(server?.seen.map((s) => s.url)).toEqual(["/m", "/o"]);
    expect(JSON.parse(server?.seen[0]?.body ?? "")).toMatchObject({
      type: "transaction",
      entry: [{ request: { method: "POST", url: "Patient" } }],
    });
  });

  it.each([
    [200, "unknown"],
    [204, "unknown"],
    [200, "accepted"],
    [204, "accepted"],
  ] as const)("an empty %i is what the setting says: %s", async (status, emptyAnswer) => {
    const c = await client((_seen, response) => void response.writeHead(status).end(), { emptyAnswer });
    expect((await c.registerMembers(members())).members.map((m) => m.status)).toEqual([
      emptyAnswer,
      emptyAnswer,
      emptyAnswer,
    ]);
  });

  it.each([400, 409, 422])(
    "a %i that names members is a result: those are refused, the rest is unknown",
    async (status) => {
      const c = await client(
        json(status, outcome("error", "2119", { expression: ["Bundle.entry[1].resource.contact[0].period"] })),
      );
      const { members: found } = await c.registerMembers(members());
      expect(found.map((m) => [m.status, m.codes])).toEqual([
        ["unknown", []],
        ["rejected", ["2119"]],
        ["unknown", []],
      ]);
      expect(server?.seen).toHaveLength(1);
    },
  );

  it("a refusal that names none stays an error, without the number in its text", async () => {
    const c = await client(json(400, outcome("error", "2147", { diagnostics: `no member ${numbers[0]}` })));
    const failed = await c.registerMembers(members()).catch((error: unknown) => error as Error);
    expect(failed).toMatchObject({ code: "rest/http-status", remoteCode: "2147" });
    expect(JSON.stringify(failed) + String((failed as Error).stack)).not.toContain(numbers[0]);
  });

  it("tells codes that are about no member", async () => {
    const c = await client(json(200, outcome("error", "1112")));
    expect(await c.registerMembers(members(1))).toMatchObject({ codes: ["1112"], members: [{ status: "unknown" }] });
  });
});

describe("the settings", () => {
  it("are all listed, as inferred until they are configured", () => {
    for (const setting of describeWire()) expect(setting).toMatchObject({ origin: "default", mark: "inferred" });
    const changed = describeWire({ bundleType: "batch" }).find((s) => s.name === "bundleType");
    expect(changed).toMatchObject({ value: "batch", origin: "configuration", mark: "configured" });
    expect(changed?.values).toContain("transaction");
  });

  it("refuse every unknown name and value at once", () => {
    const wrong = { bundleType: "document", colour: "red", membersPath: "no slash", guidSystem: "" };
    expect(() => resolveWire(wrong as never)).toThrow(
      /bundleType: expected collection.*colour: expected one of.*membersPath: expected a path.*guidSystem/,
    );
  });
});
