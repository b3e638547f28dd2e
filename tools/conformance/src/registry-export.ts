import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { exportParties } from "@helsekontakt/amqp-messaging/registries";
import { createTally } from "./_tally.ts";

// The address registry's export of 500 MB, made on the fly, read by a process of its own whose heap is held to 64 MB: what
// it holds is compared with what an export of 50 MB took.

const child = process.argv[2] === "--read";
if (child) await read(process.argv[3] ?? "");
else await compare();

interface Found {
  readonly parties: number;
  readonly maxRssMb: number;
  readonly cpuSeconds: number;
}

async function read(url: string): Promise<void> {
  let parties = 0;
  for await (const { herId, queues } of exportParties({ url, credentials: { username: "u", password: "p" } }))
    if (queues.async === `tb.example/NS/${herId}_async`) parties++;
  const { user, system } = process.cpuUsage();
  process.send?.({
    parties,
    maxRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    cpuSeconds: Math.round((user + system) / 1e6),
  } satisfies Found);
}

async function compare(): Promise<void> {
  const tally = createTally();
  const bytes = Buffer.byteLength(party(1_000_000));
  const [small, large] = [50, 500].map((mb) => Math.ceil((mb * 1e6) / bytes)) as [number, number];
  const first = await run(small);
  const second = await run(large);
  const whole = first.parties === small && second.parties === large;
  const grown = second.maxRssMb - first.maxRssMb;
  tally.check(whole, "not every party was read");
  tally.check(grown < 48, `memory grew by ${grown} MB with the export`);
  console.log(`${whole && grown < 48 ? "ok" : "FAILED"} R9: an export of 500 MB in the memory that one of 50 MB takes`);
  tally.finish(
    "registry export",
    {},
    {
      parties: second.parties,
      "MB for 50": first.maxRssMb,
      "MB for 500": second.maxRssMb,
      "seconds of CPU": second.cpuSeconds,
    },
  );
}

async function run(parties: number): Promise<Found> {
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => void send(response, parties).catch(() => response.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const reader = fork(fileURLToPath(import.meta.url), ["--read", `http://127.0.0.1:${port}/v1/ARExport`], {
    execArgv: ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning", "--max-old-space-size=64"],
  });
  let found: Found = { parties: 0, maxRssMb: 0, cpuSeconds: 0 };
  reader.on("message", (message) => (found = message as Found));
  await once(reader, "exit");
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return found;
}

function party(herId: number): string {
  const addresses = ["E_SB_ASYNC", "E_SB_SYNC", "E_SB_ERROR", "E_URL", "E_TLF", "E_FAX", "E_EPO", "E_CEN"].map(
    (code) =>
      `<a:ElectronicAddress><a:Address>tb.example/NS/${herId}_${code.slice(5).toLowerCase()}</a:Address><a:Inherited>false</a:Inherited><a:LastChanged>2015-05-12T15:19:55.133</a:LastChanged><a:Type><a:Active>true</a:Active><a:CodeText>K\u00f8</a:CodeText><a:CodeValue>${code}</a:CodeValue><a:OID>9044</a:OID><a:SimpleType>type_adressekomponeneter</a:SimpleType></a:Type><a:TypeCodeValue>${code}</a:TypeCodeValue></a:ElectronicAddress>`,
  );
  return `<CommunicationParty><Active>true</Active><DisplayName>Part ${herId}</DisplayName><ElectronicAddresses xmlns:a="http://register.nhn.no/Common">${addresses.join("")}</ElectronicAddresses><HerId>${herId}</HerId><IsValidCommunicationParty>true</IsValidCommunicationParty><Name>Part</Name><Type>Service</Type></CommunicationParty>`;
}

/** The document as base64 in the result, as WCF writes a stream. */
async function send(response: ServerResponse, parties: number): Promise<void> {
  const ns = "http://register.nhn.no/CommunicationParty";
  const operation = "GetAllCommunicationPartiesXml";
  response.writeHead(200, { "content-type": "text/xml; charset=utf-8" });
  response.write(
    `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><${operation}Response xmlns="${ns}"><${operation}Result>`,
  );
  let held = Buffer.from(`<ArrayOfCommunicationParty xmlns="${ns}">`);
  for (let herId = 1; herId <= parties; ) {
    const batch: string[] = [];
    for (let n = 0; n < 20 && herId <= parties; n++) batch.push(party(herId++));
    const all = Buffer.concat([held, Buffer.from(batch.join(""))]);
    const whole = all.length - (all.length % 3);
    held = all.subarray(whole);
    if (!response.write(all.subarray(0, whole).toString("base64"))) await once(response, "drain");
  }
  response.write(Buffer.concat([held, Buffer.from("</ArrayOfCommunicationParty>")]).toString("base64"));
  response.end(`</${operation}Result></${operation}Response></s:Body></s:Envelope>`);
}
