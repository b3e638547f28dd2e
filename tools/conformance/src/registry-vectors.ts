import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { parseProfile } from "@helsekontakt/amqp-messaging/profile";
import { certificateFacts } from "@helsekontakt/amqp-messaging/protection";
import {
  createRestAddressRegistry,
  createSoapAddressRegistry,
  type LookUp,
  type PartyFacts,
} from "@helsekontakt/amqp-messaging/registries";
import { HelsekontaktError } from "@helsekontakt/core";
import { parseXml, serializeXml, type XmlElement } from "@helsekontakt/types/xml";
import { mutate } from "./_mutations.ts";
import { createRandom } from "./_schema-instances.ts";
import { createTally, upstreamFolder } from "./_tally.ts";

// The address registry's published answers, by SOAP through a real server and by REST, compared with the expected facts;
// and the published profile and agreement, damaged thousands of times: each is read or has a typed error.

interface ExpectedParty {
  readonly name: string;
  readonly herId: number;
  readonly parentHerId: number;
  readonly parentName: string;
  readonly parentOrganizationNumber: number | string;
  readonly active: boolean;
  readonly isValidCommunicationParty: boolean;
  readonly type: string;
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  readonly asyncQueue: string;
  readonly syncQueue: string;
  readonly errorQueue: string;
}

interface ExpectedCertificate {
  readonly certificate: { readonly sha1: string; readonly serialHex: string };
}

interface Vector {
  readonly file: string;
  readonly format: string;
  readonly expect: ExpectedParty | ExpectedCertificate;
}

const folder = `${upstreamFolder()}/messaging`;
const tally = createTally();
let misses = 0;
const same = (what: string, found: unknown, expected: unknown): void => {
  const holds = isDeepStrictEqual(found, expected);
  if (!holds) misses++;
  tally.check(holds, `${what} differs`);
};

/** A server that answers each operation with the published result, in the envelope that belongs around it. */
const server = createServer((request, response) => {
  const operation = /ICommunicationPartyService\/(\w+)"/u.exec(String(request.headers["soapaction"]))?.[1] ?? "";
  const file =
    operation === "GetCommunicationPartyDetails" ? "CommunicationDetails_93238.xml" : `${operation}_93238.xml`;
  request.resume();
  response.writeHead(200, { "content-type": "text/xml; charset=utf-8" });
  response.end(enveloped(operation, readFileSync(`${folder}/ar/${file}`)));
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const soap = createSoapAddressRegistry({
  url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/AR/Basic`,
  credentials: { username: "u", password: "p" },
});

for (const { file, format, expect } of JSON.parse(readFileSync(`${folder}/ar/expected.json`, "utf8")) as Vector[]) {
  if (file.startsWith("GetCertificateDetails")) {
    const found = valueOf(file, await soap.certificates("93238"));
    const certificate = file.includes("Encryption") ? found?.encryption : found?.signature;
    const want = (expect as ExpectedCertificate).certificate;
    const facts = certificate === undefined ? undefined : certificateFacts(certificate);
    same(file, [facts?.thumbprint, facts?.serialNumber], [want.sha1, want.serialHex.toLowerCase()]);
  } else if (format.startsWith("REST")) {
    const body = JSON.parse(readFileSync(`${folder}/ar/${file}`, "utf8")) as never;
    const { herId } = expect as ExpectedParty;
    const rest = createRestAddressRegistry({ party: () => Promise.resolve(body) });
    compareParty(file, valueOf(file, await rest.party(String(herId))), expect as ExpectedParty);
  } else {
    compareParty(file, valueOf(file, await soap.party("93238")), expect as ExpectedParty);
  }
}
server.close();
console.log(`${misses === 0 ? "ok" : "FAILED"} R8: the published answers by SOAP and REST give the expected facts`);

let damaged = 0;
let read = 0;
const random = createRandom(20_261_130);
for (const file of ["CPP_93252.xml", "CPA_49391409.xml"]) {
  const text = readFileSync(`${folder}/cpp-cpa/${file}`, "utf8");
  for (let n = 0; n < 300; n++) {
    damaged++;
    let document = text;
    for (let times = 1 + random(3); times > 0; times--) document = mutate(document, random);
    try {
      parseProfile(Buffer.from(document));
      read++;
    } catch (error) {
      const code = error instanceof HelsekontaktError ? error.code : String(error);
      tally.check(code === "registry/profile-invalid" || code.startsWith("xml/"), `${file} damaged gave ${code}`);
    }
  }
}
tally.check(read < damaged, "no damage was noticed");
tally.finish("registry vectors", {}, { damaged, "read all the same": read });

function compareParty(file: string, found: PartyFacts | undefined, expected: ExpectedParty): void {
  const { queues, parent } = found ?? {};
  same(
    `${file}: party`,
    [found?.name, found?.herId, found?.active, found?.valid, found?.type],
    [expected.name, String(expected.herId), expected.active, expected.isValidCommunicationParty, expected.type],
  );
  same(`${file}: parent`, parent, {
    herId: String(expected.parentHerId),
    name: expected.parentName,
    organisationNumber: String(expected.parentOrganizationNumber),
  });
  same(`${file}: addresses`, found?.addresses, expected.addresses);
  const short = [queues?.async, queues?.sync, queues?.error].map((address) => address?.split("/").at(-1));
  same(`${file}: queues`, short, [expected.asyncQueue, expected.syncQueue, expected.errorQueue]);
}

function valueOf<T>(what: string, answer: LookUp<T>): T | undefined {
  tally.check(answer.kind === "found", `${what}: expected to be found, is ${answer.kind}`);
  return answer.kind === "found" ? answer.value : undefined;
}

/** The published bodies are the results alone: what stands around them is WCF's. */
function enveloped(operation: string, body: Buffer): Uint8Array {
  const ns = "http://register.nhn.no/CommunicationParty";
  const envelope = "http://schemas.xmlsoap.org/soap/envelope/";
  const root = parseXml(body);
  const el = (at: string, name: string, content: XmlElement["content"]): XmlElement => ({
    name,
    ns: at,
    attributes: [],
    content,
  });
  const result: XmlElement = { ...root, name: `${operation}Result`, ns };
  return serializeXml(el(envelope, "Envelope", [el(envelope, "Body", [el(ns, `${operation}Response`, [result])])]), {
    prefixes: { [envelope]: "s" },
  });
}
