import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CP } from "./_server.ts";

// An export made on the fly, as NHN's service writes it: some 4 KB a party, as long as is asked for.

const address = (code: string, queue: string): string =>
  `<a:ElectronicAddress><a:Address>tb.example/NS/${queue}</a:Address><a:Inherited>false</a:Inherited><a:LastChanged>2015-05-12T15:19:55.133</a:LastChanged><a:Type><a:Active>true</a:Active><a:CodeText>Asynkron AMQP k\u00f8</a:CodeText><a:CodeValue>${code}</a:CodeValue><a:OID>9044</a:OID><a:SimpleType>type_adressekomponeneter</a:SimpleType></a:Type><a:TypeCodeValue>${code}</a:TypeCodeValue></a:ElectronicAddress>`;

export function partyXml(herId: number): string {
  return `<CommunicationParty i:type="${herId % 3 === 0 ? "Organization" : "Service"}"><Active>true</Active><DisplayName>Part ${herId} &lt;\u00e6\u00f8\u00e5\u{1f3e5}></DisplayName><!-- <CommunicationParty> --><ElectronicAddresses xmlns:a="http://register.nhn.no/Common">${["E_SB_ASYNC", "E_SB_SYNC", "E_SB_ERROR", "E_URL", "E_TLF", "E_FAX", "E_EPO", "E_CEN"].map((code) => address(code, `${herId}_${code.slice(5).toLowerCase()}`)).join("")}</ElectronicAddresses><HerId>${herId}</HerId><IsValidCommunicationParty>true</IsValidCommunicationParty><LastChanged>2015-05-12T15:19:55.133</LastChanged><Name><![CDATA[</CommunicationParty>]]></Name><ParentHerId>7000</ParentHerId><Type>Service</Type></CommunicationParty>`;
}

export const listStart = `<?xml version="1.0" encoding="utf-8"?>\r\n<ArrayOfCommunicationParty xmlns="${CP}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">`;
export const listEnd = "</ArrayOfCommunicationParty>";

export interface ExportServer {
  readonly url: string;
  /** Answers begun. */
  requests(): number;
  close(): Promise<void>;
}

export interface ExportShape {
  /** HER-ids from 1 on; a generator, so that nothing is kept. */
  readonly herIds: () => Iterable<number>;
  /** How the document stands in the answer. */
  readonly form: "base64" | "elements" | "bare";
  /** Ends the connection of the n-th answer (from 1) after so many parties. */
  readonly cut?: (answer: number) => number | undefined;
}

/** A server that writes as fast as it is read. */
export async function startExport(shape: ExportShape): Promise<ExportServer> {
  let answers = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => void send(response, shape, ++answers).catch(() => response.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/ARExport`,
    requests: () => answers,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function send(response: ServerResponse, { herIds, form, cut }: ExportShape, answer: number): Promise<void> {
  response.writeHead(200, { "content-type": "text/xml; charset=utf-8" });
  const operation = "GetAllCommunicationPartiesXml";
  const [before, after] =
    form === "bare"
      ? ["", ""]
      : [
          `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><${operation}Response xmlns="${CP}"><${operation}Result>`,
          `</${operation}Result></${operation}Response></s:Body></s:Envelope>`,
        ];
  let held = Buffer.alloc(0);
  const write = async (bytes: string | Uint8Array): Promise<void> => {
    if (!response.write(bytes)) await Promise.race([once(response, "drain"), once(response, "close")]);
    if (response.destroyed) throw new Error("the reader has gone");
  };
  const put = async (text: string, last = false): Promise<void> => {
    if (form !== "base64") return await write(form === "elements" ? text.replace(/^<\?xml[^>]*\?>/u, "") : text);
    held = Buffer.concat([held, Buffer.from(text)]);
    const whole = last ? held.length : held.length - (held.length % 3);
    await write(held.subarray(0, whole).toString("base64"));
    held = held.subarray(whole);
  };
  await write(before);
  await put(listStart);
  const limit = cut?.(answer);
  let count = 0;
  let batch = "";
  for (const herId of herIds()) {
    if (count++ === limit) {
      await put(batch);
      // Half a party, and the connection is gone.
      await put(partyXml(herId).slice(0, 500));
      await new Promise((resolve) => setTimeout(resolve, 20));
      return void response.destroy();
    }
    batch += partyXml(herId);
    if (batch.length < 64 * 1024) continue;
    await put(batch);
    batch = "";
  }
  await put(batch + listEnd, true);
  await write(after);
  response.end();
}
