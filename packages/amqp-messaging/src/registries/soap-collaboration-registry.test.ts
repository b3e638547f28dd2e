import { afterEach, describe, expect, it } from "vitest";
import { cpaId, cpaOf, cppOf } from "../messenger/_registries.ts";
import { parseProfile } from "../profile/parse-profile.ts";
import { soap11, startServer } from "./_server.ts";
import { createSoapCollaborationRegistry } from "./soap-collaboration-registry.ts";

const ns = "http://schemas.nhn.no/reg/CollaborationProtocolProfile";
const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function registry(result: string | undefined, status = 200) {
  const calls: string[] = [];
  const server = await startServer(({ headers, body }, response) => {
    const operation = /ICPPAService\/(\w+)"/u.exec(String(headers["soapaction"]))?.[1] ?? "";
    calls.push(/<Body><\w+ xmlns="[^"]+">(.*)<\/\w+><\/Body>/u.exec(body)?.[1] ?? "");
    response.writeHead(status, { "content-type": "text/xml" });
    response.end(
      status === 200
        ? soap11(
            `<${operation}Response xmlns="${ns}">${result === undefined ? "" : `<${operation}Result>${result}</${operation}Result>`}</${operation}Response>`,
          )
        : result,
    );
  });
  servers.push(server);
  return {
    calls,
    cppa: createSoapCollaborationRegistry({ url: server.url, credentials: { username: "u", password: "p" } }),
  };
}

const escaped = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString().replace("UTF-8", "utf-16").replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const details = (bytes: Uint8Array): string =>
  `<CollaborationProtocolAgreementXml>${escaped(bytes)}</CollaborationProtocolAgreementXml><Status>Active</Status>`;

describe("createSoapCollaborationRegistry()", () => {
  it("gives documents as text, whatever encoding they were in before", async () => {
    const profile = await registry(escaped(cppOf({ herId: "2" })));
    const found = await profile.cppa.profile("2");
    expect(found.kind === "found" && parseProfile(found.value)).toMatchObject({ kind: "cpp" });
    expect(profile.calls).toEqual(["<herId>2</herId>"]);
    const agreement = await registry(details(cpaOf([{ herId: "1" }, { herId: "2" }])));
    for (const answer of [await agreement.cppa.agreement(cpaId), await agreement.cppa.agreementFor("1", "2")])
      expect(answer.kind === "found" && parseProfile(answer.value).id).toBe(cpaId);
    expect(agreement.calls).toEqual([
      `<cpaId>${cpaId}</cpaId>`,
      "<communicationPartAHerId>1</communicationPartAHerId><communicationPartBHerId>2</communicationPartBHerId>",
    ]);
  });

  const fault = (detail: string, code = "s:Client") =>
    soap11(`<s:Fault><faultcode>${code}</faultcode><detail>${detail}</detail></s:Fault>`);
  const generic = `<GenericFault xmlns="http://register.nhn.no/Common"><ErrorCode>NoCpa</ErrorCode></GenericFault>`;
  it.each<[string, string | undefined, number, string]>([
    ["no result", undefined, 200, "not-found"],
    ["an empty result", "", 200, "not-found"],
    ["a fault of the contract", fault(generic), 500, "not-found"],
    ["a fault of the service that looks like one", fault(generic, "s:Server"), 500, "unavailable"],
    ["another fault", fault(""), 500, "refused"],
    ["a service that failed", fault("", "a:InternalServiceFault"), 500, "unavailable"],
    ["a login that is refused", "", 401, "refused"],
    ["503", "", 503, "unavailable"],
  ])("R1: %s of the older interface is what it says", async (_what, result, status, kind) => {
    const { cppa } = await registry(result, status);
    expect((await cppa.profile("2")).kind).toBe(kind);
  });

  it("asks nobody for what is no id", async () => {
    const { cppa, calls } = await registry("");
    for (const answer of [cppa.profile("x"), cppa.agreement("1"), cppa.agreementFor("1", "")])
      expect(await answer).toEqual({ kind: "not-found" });
    expect(calls).toEqual([]);
  });
});
