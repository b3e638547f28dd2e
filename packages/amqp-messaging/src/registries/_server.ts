import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { components } from "@helsekontakt/types/openapi/communication-party";

/** One request as the server saw it. */
export interface Seen {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A real HTTP server on loopback; `answer` gets each request and its number, from 1. */
export async function startServer(
  answer: (seen: Seen, response: ServerResponse, n: number) => void,
): Promise<{ readonly url: string; readonly seen: Seen[]; close(): Promise<void> }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const one = { headers: request.headers, body: Buffer.concat(chunks).toString("utf8") };
      seen.push(one);
      answer(one, response, seen.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/AR`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Envelopes as WCF writes them, by hand: what the client reads must not come from its own writer. */
export const soap11 = (body: string): string =>
  `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${body}</s:Body></s:Envelope>`;
export const soap12 = (body: string): string =>
  `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header><a:Action s:mustUnderstand="1">x</a:Action></s:Header><s:Body>${body}</s:Body></s:Envelope>`;

export const CP = "http://register.nhn.no/CommunicationParty";

export const result = (operation: string, content: string, attributes = ""): string =>
  `<${operation}Response xmlns="${CP}"><${operation}Result${attributes} xmlns:i="http://www.w3.org/2001/XMLSchema-instance">${content}</${operation}Result></${operation}Response>`;

/** A service with queues, as the contract's serialiser writes it. */
export const serviceXml = `<Active>true</Active><CoverageAreaType i:nil="true"/><DisplayName i:nil="true"/><ElectronicAddresses xmlns:a="http://register.nhn.no/Common"><a:ElectronicAddress><a:Address>tb.example/NS/7_error</a:Address><a:Inherited>true</a:Inherited><a:LastChanged>2023-04-04T09:40:26.89</a:LastChanged><a:Type><a:Active>true</a:Active><a:CodeText>Feilmelding</a:CodeText><a:CodeValue>E_SB_ERROR</a:CodeValue><a:LongDescription i:nil="true"/><a:OID>9044</a:OID><a:SimpleType>t</a:SimpleType></a:Type><a:TypeCodeValue>E_SB_ERROR</a:TypeCodeValue></a:ElectronicAddress><a:ElectronicAddress><a:Address>tb.example/NS/old_async</a:Address><a:TypeCodeValue>E_SB_ASYNC</a:TypeCodeValue></a:ElectronicAddress><a:ElectronicAddress><a:Address> tb.example/NS/7_async </a:Address><a:TypeCodeValue>E_SB_ASYNC</a:TypeCodeValue></a:ElectronicAddress><a:ElectronicAddress><a:Address>tb.example/NS/7_sync</a:Address><a:TypeCodeValue>E_SB_SYNC</a:TypeCodeValue></a:ElectronicAddress><a:ElectronicAddress><a:Address>tb.example/NS/7_syncreply</a:Address><a:TypeCodeValue>E_SB_SYNCREPLY</a:TypeCodeValue></a:ElectronicAddress><a:ElectronicAddress><a:Address/><a:TypeCodeValue>E_URL</a:TypeCodeValue></a:ElectronicAddress></ElectronicAddresses><FutureElectronicAddresses xmlns:a="http://register.nhn.no/Common"/><HerId>7001</HerId><IsValidCommunicationParty>true</IsValidCommunicationParty><LastChanged>2023-04-04T09:59:57.87</LastChanged><Municipality i:nil="true" xmlns:a="http://register.nhn.no/Common"/><Name>Allmennlege &amp; sønn</Name><ParentHerId>7000</ParentHerId><ParentName>Legesenteret</ParentName><ParentOrganizationNumber>999988891</ParentOrganizationNumber><PhysicalAddresses xmlns:a="http://register.nhn.no/Common"><a:PhysicalAddress><a:City>OSLO</a:City><a:PostalCode>110</a:PostalCode></a:PhysicalAddress></PhysicalAddresses><ServerTime>2026-06-10T13:02:02.0834387+02:00</ServerTime><Type>Service</Type><Valid xmlns:a="http://register.nhn.no/Common"><a:From>2023-04-04T00:00:00</a:From><a:To>9999-12-31T00:00:00</a:To></Valid><Code xmlns:a="http://register.nhn.no/Common"><a:CodeValue>05</a:CodeValue></Code><NyttFelt>ukjent</NyttFelt>`;

/** The same party as the REST interface gives it. */
export const serviceJson: components["schemas"]["CommunicationPartyDetails"] = {
  herId: 7001,
  parentHerId: 7000,
  type: "Service",
  communicationParty: {
    Code: { CodeValue: "05" },
    Active: true,
    DisplayName: null,
    ElectronicAddresses: [
      { Address: "tb.example/NS/7_error", Inherited: true, TypeCodeValue: "E_SB_ERROR" },
      { Address: "tb.example/NS/old_async", TypeCodeValue: "E_SB_ASYNC" },
      { Address: " tb.example/NS/7_async ", TypeCodeValue: "E_SB_ASYNC" },
      { Address: "tb.example/NS/7_sync", TypeCodeValue: "E_SB_SYNC" },
      { Address: "tb.example/NS/7_syncreply", TypeCodeValue: "E_SB_SYNCREPLY" },
      { Address: null, TypeCodeValue: "E_URL" },
    ],
    FutureElectronicAddresses: [],
    HerId: 7001,
    IsValidCommunicationParty: true,
    LastChanged: "2023-04-04T09:59:57.87",
    Municipality: null,
    Name: "Allmennlege & sønn",
    ParentHerId: 7000,
    ParentName: "Legesenteret",
    ParentOrganizationNumber: 999988891,
    Valid: { From: "2023-04-04T00:00:00", To: "9999-12-31T00:00:00" },
  },
};
