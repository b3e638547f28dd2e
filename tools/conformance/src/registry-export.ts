import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { exportParties } from "@helsekontakt/amqp-messaging/registries";
import { createTally } from "./_tally.ts";

// The address registry's export of 500 MB, made on the fly, read by a process of its own whose heap is held to 64 MB. What
// is left after a collection is compared at each tenth of the way: it must not grow with what has been read.

const child = process.argv[2] === "--read";
if (child) await read(process.argv[3] ?? "", Number(process.argv[4]));
else await judge();

interface Found {
  readonly parties: number;
  /** After a collection, at each tenth of the parties. */
  readonly heldMb: readonly number[];
  readonly maxRssMb: number;
  readonly cpuSeconds: number;
}

async function read(url: string, expected: number): Promise<void> {
  let parties = 0;
  const heldMb: number[] = [];
  const tenth = Math.floor(expected / 10);
  for await (const { herId, queues } of exportParties({ url, credentials: { username: "u", password: "p" } })) {
    if (queues.async === `tb.example/NS/${herId}_async`) parties++;
    if (parties % tenth !== 0) continue;
    (globalThis as { gc?: () => void }).gc?.();
    const { heapUsed, external } = process.memoryUsage();
    heldMb.push(Math.round((heapUsed + external) / 1e5) / 10);
  }
  const { user, system } = process.cpuUsage();
  process.send?.({
    parties,
    heldMb,
    maxRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    cpuSeconds: Math.round((user + system) / 1e6),
  } satisfies Found);
}

async function judge(): Promise<void> {
  const tally = createTally();
  const parties = Math.ceil(500e6 / Buffer.byteLength(party(1_000_000)));
  const found = await run(parties);
  // What is on its way at the moment varies by some megabytes: the halves are compared by their means.
  const grown = mean(found.heldMb.slice(5)) - mean(found.heldMb.slice(0, 5));
  const isWhole = found.parties === parties && found.heldMb.length === 10;
  tally.check(isWhole, `${found.parties} of ${parties} parties were read`);
  tally.check(grown < 8, `what is held grew by ${grown.toFixed(1)} MB: ${found.heldMb.join(", ")}`);
  tally.check(found.maxRssMb < 400, `the process took ${found.maxRssMb} MB`);
  const holds = isWhole && grown < 8 && found.maxRssMb < 400;
  console.log(`${holds ? "ok" : "FAILED"} R9: an export of 500 MB in constant memory`);
  tally.finish(
    "registry export",
    {},
    {
      parties,
      "MB held in the first and the second half": [found.heldMb.slice(0, 5), found.heldMb.slice(5)]
        .map((half) => mean(half).toFixed(1))
        .join(" and "),
      "MB of the process at most": found.maxRssMb,
      "seconds of CPU": found.cpuSeconds,
    },
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function run(parties: number): Promise<Found> {
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => void send(response, parties).catch(() => response.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const reader = fork(
    fileURLToPath(import.meta.url),
    ["--read", `http://127.0.0.1:${port}/v1/ARExport`, String(parties)],
    {
      execArgv: [
        "--conditions=helsekontakt-source",
        "--no-warnings=ExperimentalWarning",
        "--max-old-space-size=64",
        "--expose-gc",
      ],
    },
  );
  let found: Found = { parties: 0, heldMb: [], maxRssMb: 0, cpuSeconds: 0 };
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
