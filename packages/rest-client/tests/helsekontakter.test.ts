import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Bundle } from "@helsekontakt/types/fhir";
import { afterEach, describe, expect, it } from "vitest";
import { createHelsekontakterClient } from "../src/index.ts";
import { type Answer, json, quick, startServer, type TestServer } from "./_server.ts";

let server: TestServer;
afterEach(() => server.close());

const numbers = ["01818010083", "01818010164", "17851360018"];
const members: Bundle = {
  resourceType: "Bundle",
  type: "collection",
  entry: numbers.map((value, n) => ({
    fullUrl: `urn:uuid:00000000-0000-4000-8000-00000000000${n}`,
    resource: { resourceType: "Patient", identifier: [{ system: "urn:oid:2.16.578.1.12.4.1.4.1", value }] },
  })),
};
const offerings: Bundle = { resourceType: "Bundle", type: "collection", entry: [] };

async function client(answer: Answer, path?: string) {
  server = await startServer(answer);
  return createHelsekontakterClient({ baseUrl: server.url, retry: quick, ...(path === undefined ? {} : { path }) });
}
const outcome = (severity: string, code: string, expression?: string) => ({
  resourceType: "OperationOutcome",
  issue: [
    {
      severity,
      code: "business-rule",
      details: { coding: [{ code }] },
      ...(expression === undefined ? {} : { expression: [expression] }),
    },
  ],
});

const accepted = (index: number) => ({ index, status: "accepted" });

describe("the request", () => {
  it("goes to the document's path without a slash at the end, as FHIR JSON", async () => {
    const c = await client(json(200, {}));
    await c.publish(offerings);
    expect(server.seen).toMatchObject([
      {
        method: "POST",
        url: "/helsekontakter/api/v1",
        headers: {
          "content-type": "application/fhir+json",
          accept: "application/fhir+json, application/fhir+xml;q=0.9",
        },
      },
    ]);
    expect(JSON.parse(server.seen[0]?.body ?? "")).toEqual(offerings);
  });

  it("takes another path, goes through the fetch given, and is sent again when no answer came", async () => {
    server = await startServer((seen, response, n) =>
      n === 1 ? void response.socket?.destroy() : json(200, {})(seen, response, n),
    );
    const c = createHelsekontakterClient({
      baseUrl: `${server.url}/`,
      path: "/helsekontakter/api/v1/members",
      retry: quick,
      fetch: (request) =>
        fetch(new Request(request, { headers: { ...Object.fromEntries(request.headers), authorization: "DPoP x" } })),
    });
    await c.registerMembers(members);
    expect(server.seen.map((s) => [s.url, s.headers.authorization])).toEqual([
      ["/helsekontakter/api/v1/members", "DPoP x"],
      ["/helsekontakter/api/v1/members", "DPoP x"],
    ]);
  });

  it("has its settings judged when it is made, not by the first Bundle", async () => {
    server = await startServer(json(200, {}));
    for (const transport of [{ concurrency: { max: 0 } }, { correlation: { header: "no header" } }])
      expect(() => createHelsekontakterClient({ baseUrl: server.url, transport })).toThrow("[config/invalid]");
  });

  it("holds what the Bundle held when it was given", async () => {
    const c = await client(json(200, {}));
    const entry = [...(members.entry ?? [])];
    const sent = c.registerMembers({ ...members, entry });
    entry.length = 1;
    await sent;
    expect((JSON.parse(server.seen[0]?.body ?? "") as Bundle).entry).toHaveLength(numbers.length);
  });

  it("refuses what is no Bundle, stops on abort and in time", async () => {
    const c = await client(() => undefined);
    await expect(c.publish({ resourceType: "Patient" } as never)).rejects.toMatchObject({ code: "input/invalid" });
    await expect(c.publish(offerings, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "abort/cancelled",
    });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 30);
    await expect(c.publish(offerings, { signal: controller.signal })).rejects.toMatchObject({
      code: "abort/cancelled",
    });
    const hasty = createHelsekontakterClient({ baseUrl: server.url, retry: { ...quick, timeoutMs: 50, tries: 1 } });
    await expect(hasty.publish(offerings)).rejects.toMatchObject({ code: "rest/timeout" });
  });

  it("stops on abort and in time although memory is collected meanwhile", async () => {
    setFlagsFromString("--expose-gc");
    const collecting = setInterval(runInNewContext("gc") as () => void, 3);
    try {
      const c = await client(() => undefined);
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 60);
      await expect(c.publish(offerings, { signal: controller.signal })).rejects.toMatchObject({
        code: "abort/cancelled",
      });
      const hasty = createHelsekontakterClient({ baseUrl: server.url, retry: { ...quick, timeoutMs: 60, tries: 1 } });
      await expect(hasty.publish(offerings)).rejects.toMatchObject({ code: "rest/timeout" });
    } finally {
      clearInterval(collecting);
    }
  });

  it("types faults and broken answers", async () => {
    const answers = [
      json(400, outcome("error", "2147")),
      json(401, { Code: "EHSEC-110002" }),
      json(200, "<html>"),
      json(500, ""),
    ];
    const c = await client((seen, response, n) => answers[n - 1]?.(seen, response, n));
    await expect(c.publish(offerings)).rejects.toMatchObject({ code: "rest/http-status", remoteCode: "2147" });
    await expect(c.publish(offerings)).rejects.toMatchObject({ code: "rest/unauthorized", remoteCode: "EHSEC-110002" });
    await expect(c.publish(offerings)).rejects.toMatchObject({ code: "rest/response-invalid" });
    await expect(c.publish(offerings)).rejects.toMatchObject({ code: "rest/unavailable" });
  });

  it.each([400, 409, 422])("reads a refusal without a stated length (%i) no further than the cap", async (status) => {
    let sent = 0;
    server = await startServer((_seen, response) => {
      response.writeHead(status, { "content-type": "application/fhir+json" });
      const more = (): void => {
        while (!response.destroyed) {
          sent += 65_536;
          if (!response.write(Buffer.alloc(65_536, 0x20))) return void response.once("drain", more);
        }
      };
      more();
    });
    const c = createHelsekontakterClient({
      baseUrl: server.url,
      retry: { ...quick, timeoutMs: 2_000 },
      transport: { maxAnswerBytes: 2 * 1024 * 1024 },
    });
    await expect(c.registerMembers(members)).rejects.toMatchObject({ code: "rest/response-invalid", retryable: false });
    // What the sockets hold lies between the server's count and the client's.
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    expect(server.seen).toHaveLength(1);
  });

  it("a refusal too long to be looked into for members is an error all the same", async () => {
    const long = { ...outcome("error", "2118", "Bundle.entry[1].resource"), text: "x".repeat(1024 * 1024) };
    for (const length of [true, false]) {
      const body = JSON.stringify(long);
      const c = await client((_seen, response) => {
        response.writeHead(422, {
          "content-type": "application/fhir+json",
          ...(length ? { "content-length": String(body.length) } : {}),
        });
        response.end(body);
      });
      await expect(c.registerMembers(members)).rejects.toMatchObject({ code: "rest/http-status", retryable: false });
      await server.close();
    }
  });

  it("a 200 that refuses offerings is an error", async () => {
    const c = await client(
      json(200, {
        resourceType: "Bundle",
        type: "batch-response",
        entry: [{ response: { status: "201" } }, { response: { status: "422", outcome: outcome("error", "2119") } }],
      }),
    );
    await expect(c.publish(offerings)).rejects.toMatchObject({
      code: "rest/response-invalid",
      context: { codes: ["2119"] },
    });
  });
});

describe("one outcome per member, in whatever form", () => {
  const cases: [string, unknown, object[]][] = [
    [
      "batch-response in order",
      {
        resourceType: "Bundle",
        type: "batch-response",
        entry: [
          { response: { status: "201 Created" } },
          { response: { status: "422", outcome: outcome("error", "2118") } },
          { response: { status: "200" } },
        ],
      },
      [accepted(0), { index: 1, status: "rejected", reason: "not-active", codes: ["2118"] }, accepted(2)],
    ],
    [
      "transaction-response by address, in another order and with one missing",
      {
        resourceType: "Bundle",
        type: "transaction-response",
        entry: [
          { fullUrl: members.entry?.[2]?.fullUrl, response: { status: "400" } },
          { fullUrl: members.entry?.[0]?.fullUrl, response: { status: "200" } },
        ],
      },
      [accepted(0), { index: 1, status: "unknown" }, { index: 2, status: "rejected" }],
    ],
    [
      "bundle of outcomes as resources",
      {
        resourceType: "Bundle",
        type: "collection",
        entry: [
          { resource: outcome("information", "ok") },
          { resource: outcome("error", "2118") },
          { resource: outcome("warning", "w") },
        ],
      },
      [accepted(0), { index: 1, status: "rejected", reason: "not-active" }, accepted(2)],
    ],
    ["OperationOutcome without errors", outcome("information", "ok"), [accepted(0), accepted(1), accepted(2)]],
    [
      "OperationOutcome that names an entry",
      outcome("error", "2118", "Bundle.entry[1].resource"),
      [accepted(0), { index: 1, status: "rejected", reason: "not-active" }, accepted(2)],
    ],
    [
      "OperationOutcome that names none",
      outcome("error", "2118"),
      [0, 1, 2].map((index) => ({ index, status: "unknown" })),
    ],
    [
      "list by number, with flags",
      [
        { fnr: numbers[1], success: false, code: "2118" },
        { fnr: numbers[0], success: true },
        { fnr: numbers[2], Status: 200 },
      ],
      [accepted(0), { index: 1, status: "rejected", reason: "not-active" }, accepted(2)],
    ],
    [
      "list in an object",
      { results: [{ ok: true }, { ok: true }, { httpStatus: 400 }] },
      [accepted(0), accepted(1), { index: 2, status: "rejected" }],
    ],
    ["list of another length", [{ ok: true }], [0, 1, 2].map((index) => ({ index, status: "unknown" }))],
    [
      "list without a word on success",
      [{}, { id: "x" }, { code: "2118" }],
      [
        { index: 0, status: "unknown" },
        { index: 1, status: "unknown" },
        { index: 2, status: "rejected" },
      ],
    ],
    ["empty body", "", [0, 1, 2].map((index) => ({ index, status: "unknown" }))],
    ["null", "null", [0, 1, 2].map((index) => ({ index, status: "unknown" }))],
  ];
  it.each(cases)("%s", async (_name, answer, expected) => {
    const c = await client(json(200, answer));
    const result = await c.registerMembers(members);
    expect(result.members).toMatchObject(expected);
    expect(result.members).toHaveLength(3);
    for (const number of numbers) expect(JSON.stringify(result)).not.toContain(number);
  });
});
