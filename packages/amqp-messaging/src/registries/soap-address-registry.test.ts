import { inspect } from "node:util";
import { parseXml } from "@helsekontakt/types/xml";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { makeIdentity } from "../protection/_test-certificates.ts";
import { CP, result, type Seen, serviceJson, serviceXml, soap11, soap12, startServer } from "./_server.ts";
import type { LookUp } from "./look-up.ts";
import { createRestAddressRegistry } from "./rest-address-registry.ts";
import { createSoapAddressRegistry } from "./soap-address-registry.ts";
import type { SoapClientOptions } from "./soap-client.ts";

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const credentials = { username: "bruker", password: "pæss:ord" };

async function registry(
  answer: string | ((seen: Seen, n: number) => string),
  {
    status = 200,
    headers = {},
    ...options
  }: { status?: number; headers?: Record<string, string> } & Partial<SoapClientOptions> = {},
) {
  const server = await startServer((seen, response, n) => {
    response.writeHead(status, { "content-type": "text/xml; charset=utf-8", ...headers });
    response.end(typeof answer === "string" ? answer : answer(seen, n));
  });
  servers.push(server);
  return { server, ar: createSoapAddressRegistry({ url: server.url, credentials, ...options }) };
}

const service = result("GetCommunicationPartyDetails", serviceXml, ' i:type="Service"');
const brief = (answer: LookUp<unknown>) =>
  answer.kind === "refused" || answer.kind === "unavailable"
    ? [answer.kind, answer.error.code, answer.error.remoteCode]
    : [answer.kind];

describe("createSoapAddressRegistry()", () => {
  it("R8: SOAP 1.1, SOAP 1.2 and REST give the same answer for the same party", async () => {
    const rest = await createRestAddressRegistry({ party: () => Promise.resolve(serviceJson) }).party("7001");
    expect(rest).toMatchObject({
      kind: "found",
      value: {
        herId: "7001",
        name: "Allmennlege & sønn",
        active: true,
        valid: true,
        validTo: "9999-12-31T00:00:00",
        type: "Service",
        parent: { herId: "7000", name: "Legesenteret", organisationNumber: "999988891" },
        queues: {
          async: "tb.example/NS/7_async",
          sync: "tb.example/NS/7_sync",
          error: "tb.example/NS/7_error",
          syncReply: "tb.example/NS/7_syncreply",
        },
        addresses: { E_SB_ASYNC: ["tb.example/NS/old_async", " tb.example/NS/7_async "], E_URL: [""] },
      },
    });
    const basic = await registry(soap11(service));
    const wsHttp = await registry(soap12(service), { binding: "wsHttp" });
    expect(await basic.ar.party("7001")).toEqual(rest);
    expect(await wsHttp.ar.party("7001")).toEqual(rest);
  });

  it("sends SOAP 1.1 with its action in a header, and the login in UTF-8", async () => {
    const { server, ar } = await registry(soap11(service));
    await ar.party("7001");
    const [seen] = server.seen;
    expect(seen?.headers).toMatchObject({
      "content-type": "text/xml; charset=utf-8",
      soapaction: `"${CP}/ICommunicationPartyService/GetCommunicationPartyDetails"`,
      authorization: `Basic ${Buffer.from("bruker:pæss:ord").toString("base64")}`,
    });
    expect(seen?.body).toContain(
      `<Body><GetCommunicationPartyDetails xmlns="${CP}"><herId>7001</herId></GetCommunicationPartyDetails></Body>`,
    );
    expect(seen?.body).not.toContain("Header");
  });

  it("sends SOAP 1.2 with addressing headers and the action in the content type", async () => {
    const { server, ar } = await registry(soap12(service), { binding: "wsHttp" });
    await ar.party("7001");
    const action = `${CP}/ICommunicationPartyService/GetCommunicationPartyDetails`;
    expect(server.seen[0]?.headers["content-type"]).toBe(`application/soap+xml; charset=utf-8; action="${action}"`);
    const body = server.seen[0]?.body ?? "";
    expect(body).toMatch(/<a:MessageID>urn:uuid:[\da-f-]{36}<\/a:MessageID>/u);
    expect(body).toContain(`<a:Action s:mustUnderstand="1">${action}</a:Action>`);
    expect(body).toContain(`<a:To s:mustUnderstand="1">${server.url}</a:To>`);
    expect(body).toContain("<a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address>");
  });

  it("never lets a value become markup", async () => {
    const { server, ar } = await registry(soap11(result("SearchById", "")));
    const id = `</id><x/><!-- " ' & ]]> æ \u{1f600}`;
    await ar.search(id);
    const tree = JSON.stringify(parseXml(Buffer.from(server.seen[0]?.body ?? "")));
    expect(tree).toContain(JSON.stringify([id]).slice(1, -1));
    expect(tree).not.toContain('"name":"x"');
  });

  it("keeps the cookies that the service sets", async () => {
    const { server, ar } = await registry(soap11(service), { headers: { "set-cookie": "node=a1; path=/; HttpOnly" } });
    await ar.party("7001");
    await ar.party("7001");
    expect(server.seen.map((s) => s.headers.cookie)).toEqual([undefined, "node=a1"]);
  });

  it("asks for the login at each call", async () => {
    let n = 0;
    const { server, ar } = await registry(soap11(service), {
      credentials: () => Promise.resolve({ username: "u", password: `p${++n}` }),
    });
    await ar.ping();
    await ar.ping();
    const sent = server.seen.map((s) => Buffer.from((s.headers.authorization ?? "").slice(6), "base64").toString());
    expect(sent).toEqual(["u:p1", "u:p2"]);
  });

  it("gives the certificates of a party, and tells one that is missing from one that cannot be read", async () => {
    const identity = await makeIdentity("Part", { usage: ["keyEncipherment"] });
    const der = identity.certificate.raw.toString("base64");
    const details = (value: string) =>
      `<Certificate xmlns="http://register.nhn.no/CertificateDetails">${value}</Certificate><LdapUrl xmlns="http://register.nhn.no/CertificateDetails">ldap://x</LdapUrl>`;
    const of = (encryption: string, signature: string) => (seen: Seen) => {
      const operation = seen.headers.soapaction?.includes("Encryption")
        ? "GetCertificateDetailsForEncryption"
        : "GetCertificateDetailsForValidatingSignature";
      return soap11(result(operation, operation.endsWith("Encryption") ? encryption : signature));
    };
    const { ar } = await registry(of(details(der), ""));
    const answer = await ar.certificates("7001");
    expect(answer.kind === "found" && answer.value.encryption?.serialNumber).toBe(identity.certificate.serialNumber);
    expect(answer).not.toHaveProperty("value.signature");
    for (const broken of [details("AAAA"), details("not base64 !"), details(der.slice(0, 200))])
      expect(brief(await (await registry(of(details(der), broken))).ar.certificates("7001"))).toEqual([
        "unavailable",
        "rest/response-invalid",
        undefined,
      ]);
  });

  it("searches, and learns of changes in one call", async () => {
    const { ar } = await registry((seen) =>
      soap11(
        seen.headers.soapaction?.includes("SearchById")
          ? result(
              "SearchById",
              `<CommunicationParty i:type="Service">${serviceXml}</CommunicationParty><CommunicationParty i:nil="true"/>`,
            )
          : result(
              "GetChangedCommunicationPartiesInfo",
              "<CommunicationPartyLastChangedInfo><HerId>7001</HerId><LastUpdated>2026-01-02T03:04:05.6</LastUpdated></CommunicationPartyLastChangedInfo>",
            ),
      ),
    );
    expect(await ar.search("999988891")).toMatchObject({ kind: "found", value: [{ herId: "7001" }] });
    expect(await ar.changes(["7001", "7002"])).toEqual({
      kind: "found",
      value: [{ herId: "7001", lastUpdated: "2026-01-02T03:04:05.6" }],
    });
  });

  it("gives an organisation with its number, kinds and services", async () => {
    const common = 'xmlns:a="http://register.nhn.no/Common"';
    const code = (name: string, value: string) =>
      `<${name} ${common}><a:CodeText>T</a:CodeText><a:CodeValue>${value}</a:CodeValue><a:OID>9040</a:OID></${name}>`;
    const organisation = `<HerId>7000</HerId><Name>Legesenteret</Name>${code("BusinessType", "103")}<IndustryCodes ${common}><a:Code><a:CodeValue>86.211</a:CodeValue></a:Code></IndustryCodes><OrganizationNumber>999988891</OrganizationNumber><People><OrganizationPerson><Person/></OrganizationPerson></People><Services><Service>${serviceXml}</Service></Services>`;
    const { ar } = await registry(soap11(result("GetOrganizationDetails", organisation)));
    expect(await ar.organisation("7000")).toMatchObject({
      kind: "found",
      value: {
        party: { herId: "7000", name: "Legesenteret" },
        organisationNumber: "999988891",
        businessType: { value: "103", text: "T", oid: "9040" },
        industryCodes: [{ value: "86.211" }],
        services: [{ party: { herId: "7001", queues: { sync: "tb.example/NS/7_sync" } }, code: { value: "05" } }],
      },
    });
    expect((await ar.organisation("7001")).kind).toBe("unavailable");
  });

  it("puts lists into the namespace of arrays", async () => {
    const { server, ar } = await registry(soap11(result("GetChangedCommunicationPartiesInfo", "")));
    await ar.changes(["7001", "7002"]);
    expect(server.seen[0]?.body).toMatch(
      /<herIds><(\w+:)?int xmlns(:\w+)?="http:\/\/schemas\.microsoft\.com\/2003\/10\/Serialization\/Arrays">7001</u,
    );
  });
});

const common = "http://register.nhn.no/Common";
const generic = (code: string) =>
  `<GenericFault xmlns="${common}"><ErrorCode>${code}</ErrorCode><Message>HER-id 7001 for 01818010083 finnes ikke</Message></GenericFault>`;
const fault11 = (code: string, detail = "") =>
  soap11(
    `<s:Fault><faultcode xmlns:a="urn:a">${code}</faultcode><faultstring xml:lang="nb-NO">01818010083</faultstring>${detail && `<detail>${detail}</detail>`}</s:Fault>`,
  );
const fault12 = (code: string, subcode: string, detail = "") =>
  soap12(
    `<s:Fault><s:Code><s:Value>s:${code}</s:Value><s:Subcode><s:Value xmlns:a="urn:a">a:${subcode}</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="nb-NO">01818010083</s:Text></s:Reason>${detail && `<s:Detail>${detail}</s:Detail>`}</s:Fault>`,
  );
const validation = `<ValidationFault xmlns="${common}"><Errors/><HasErrors>true</HasErrors></ValidationFault>`;

describe("answers", () => {
  it.each<[string, string, number, readonly (string | undefined)[]]>([
    ["a party", soap11(service), 200, ["found"]],
    ["a nil result", soap11(result("GetCommunicationPartyDetails", "", ' i:nil="true"')), 200, ["not-found"]],
    ["no result", soap11(`<GetCommunicationPartyDetailsResponse xmlns="${CP}"/>`), 200, ["not-found"]],
    ["a fault for an unknown HER-id", fault11("s:Client", generic("InvalidHerIdSupplied")), 500, ["not-found"]],
    ["the same in SOAP 1.2", fault12("Sender", "x", generic("InvalidHerIdSupplied")), 500, ["not-found"]],
    [
      "another fault of the contract",
      fault11("s:Client", generic("AccessDenied")),
      500,
      ["refused", "rest/http-status", "AccessDenied"],
    ],
    [
      "one in SOAP 1.2",
      fault12("Sender", "x", generic("AccessDenied")),
      500,
      ["refused", "rest/http-status", "AccessDenied"],
    ],
    ["a fault of validation", fault11("s:Client", validation), 500, ["refused", "rest/http-status", "Client"]],
    [
      "an action that the service does not know",
      fault11("a:ActionNotSupported"),
      500,
      ["refused", "rest/http-status", "ActionNotSupported"],
    ],
    [
      "a service that failed",
      fault11("a:InternalServiceFault"),
      500,
      ["unavailable", "rest/unavailable", "InternalServiceFault"],
    ],
    [
      "one in SOAP 1.2",
      fault12("Receiver", "InternalServiceFault"),
      500,
      ["unavailable", "rest/unavailable", "InternalServiceFault"],
    ],
    ["a fault without a code", soap11("<s:Fault/>"), 500, ["unavailable", "rest/unavailable", "unknown"]],
    ["401", "<html>no</html>", 401, ["refused", "rest/unauthorized", undefined]],
    ["403", "", 403, ["refused", "rest/forbidden", undefined]],
    ["404 of a gateway", "<html>no</html>", 404, ["refused", "rest/http-status", undefined]],
    ["a redirect", "", 302, ["refused", "rest/http-status", undefined]],
    ["429", "", 429, ["unavailable", "rest/rate-limited", undefined]],
    ["500", "", 500, ["unavailable", "rest/unavailable", undefined]],
    ["503", "<html>", 503, ["unavailable", "rest/unavailable", undefined]],
    ["a page with status 200", "<html>Logg inn</html>", 200, ["unavailable", "rest/response-invalid", undefined]],
    [
      "an answer to another question",
      soap11(result("SearchById", "")),
      200,
      ["unavailable", "rest/response-invalid", undefined],
    ],
    [
      "another party",
      soap11(service.replace("<HerId>7001", "<HerId>7002")),
      200,
      ["unavailable", "rest/response-invalid", undefined],
    ],
    [
      "a number that is none",
      soap11(service.replace("<HerId>7001", "<HerId>x")),
      200,
      ["unavailable", "rest/response-invalid", undefined],
    ],
    ["an empty body", soap11(""), 200, ["unavailable", "rest/response-invalid", undefined]],
    ["a document type", `<!DOCTYPE a>${soap11(service)}`, 200, ["unavailable", "rest/response-invalid", undefined]],
    ["half an answer", soap11(service).slice(0, -20), 200, ["unavailable", "rest/response-invalid", undefined]],
    [
      "too deep an answer",
      soap11("<a>".repeat(80) + "</a>".repeat(80)),
      200,
      ["unavailable", "rest/response-invalid", undefined],
    ],
    ["too large an answer", soap11(" ".repeat(5_000_000)), 200, ["unavailable", "rest/response-invalid", undefined]],
  ])("R3: %s has a typed result: found, not found, refused or unavailable", async (_, body, status, expected) => {
    const { ar } = await registry(body, { status });
    const answer = await ar.party("7001");
    expect(brief(answer)).toEqual(expected.length === 1 ? [expected[0]] : expected);
    // What a fault says in words may name a person.
    expect(inspect(answer, { depth: Infinity, showHidden: true })).not.toContain("01818010083");
  });

  it("R3: any damage to an answer has a typed result, which never shows what stood there", async () => {
    let body = "";
    const { ar } = await registry(() => body);
    const secret = "ZZhemmeligZZ";
    const texts = [soap11(service), soap12(service), fault11("s:Client", generic("AccessDenied"))].map((t) =>
      t.replace("Legesenteret", secret).replace("01818010083", secret),
    );
    const put = fc.constantFrom("", "<", ">", '"', "&", "\u0000", "]]>", "</", "i:nil='true'", secret);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...texts),
        fc.array(fc.tuple(fc.nat(3_000), fc.nat(60), put), { minLength: 1, maxLength: 3 }),
        async (text, cuts) => {
          body = text;
          for (const [at, length, more] of cuts) body = body.slice(0, at) + more + body.slice(at + length);
          const answer = await ar.party("7001");
          if (answer.kind === "found") expect(answer.value.herId).toBe("7001");
          else expect(inspect(answer, { depth: Infinity })).not.toContain(secret);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("R3: a registry that cannot be reached, or is silent, is unavailable; the caller's signal is neither", async () => {
    const { ar, server } = await registry("");
    await server.close();
    expect(brief(await ar.party("7001"))).toEqual(["unavailable", "rest/network", undefined]);
    const silent = await startServer(() => {});
    servers.push(silent);
    const slow = createSoapAddressRegistry({ url: silent.url, credentials, timeoutMs: 50 });
    expect(brief(await slow.party("7001"))).toEqual(["unavailable", "rest/timeout", undefined]);
    const abort = new AbortController();
    const waiting = createSoapAddressRegistry({ url: silent.url, credentials }).party("7001", { signal: abort.signal });
    setTimeout(() => abort.abort(), 20);
    await expect(waiting).rejects.toMatchObject({ code: "abort/cancelled" });
  });

  it.each(["", "0", "-1", "abc", "2147483648", "7001 ", "../7001"])(
    "asks nobody for %j, which no party can have",
    async (herId) => {
      const { ar, server } = await registry(soap11(service));
      expect(await ar.party(herId)).toEqual({ kind: "not-found" });
      expect(await ar.certificates(herId)).toEqual({ kind: "not-found" });
      expect(brief(await ar.changes([herId]))[0]).toBe("refused");
      expect(server.seen).toHaveLength(0);
    },
  );

  it.each([
    "http://registry.example/AR",
    "https://user:pass@registry.example/AR",
    "registry.example",
    "ftp://127.0.0.1/",
  ])("sends no password to %s", (url) => {
    expect(() => createSoapAddressRegistry({ url, credentials })).toThrow("[config/invalid]");
  });
});
