import { describe, expect, it } from "vitest";
import { readFault } from "../src/http-error.ts";

const facts = { operationId: "anOperation" };
const marker = "Kari Nordmann 01818010083";
const outcomeXml = `<OperationOutcome xmlns="http://hl7.org/fhir"><issue><severity value="error"/><code value="processing"/><details><coding><code value="2118"/></coding><text value="${marker}"/></details></issue></OperationOutcome>`;

describe("one error for every form of a fault", () => {
  const cases: [string, string, string, string | undefined][] = [
    ["a Helsenorge fault", "application/json", `{"Code":"EHAPI-100000","Message":"${marker}"}`, "EHAPI-100000"],
    ["keys in lower case, wrong media type", "text/plain", `{"code":"EHSEC-110002"}`, "EHSEC-110002"],
    ["the second shape", "application/json", `{"ErrorMessage":{"Title":"${marker}","Body":"x"}}`, undefined],
    ["problem details", "application/problem+json", `{"title":"${marker}","status":500}`, undefined],
    ["an OperationOutcome in XML", "application/fhir+xml", outcomeXml, "2118"],
    ["an OperationOutcome in XML that is called HTML", "text/html", outcomeXml, "2118"],
    ["HTML", "text/html", `<html><body>${marker}</body></html>`, undefined],
    ["nothing", "application/json", "", undefined],
    ["half of something", "application/json", `{"Code":"EHAPI-1000`, undefined],
    ["half of XML", "application/xml", outcomeXml.slice(0, 120), undefined],
    ["a personal number as code", "application/json", `{"Code":"01818010083"}`, undefined],
    ["null", "application/json", "null", undefined],
    ["a name of Object's", "application/json", `{"Code":"constructor"}`, "constructor"],
  ];
  it.each(cases)("%s", async (_name, type, body, remoteCode) => {
    const error = await readFault(new Response(body, { status: 500, headers: { "content-type": type } }), facts);
    expect(error).toMatchObject({ code: "rest/unavailable", retryable: true, remoteCode });
    expect(JSON.stringify(error)).not.toMatch(/Nordmann|01818010083/);
  });

  it("says what a known code means, whether that is inferred, and what to do", async () => {
    const error = await readFault(new Response(`{"Code":"EHAPI-100000"}`, { status: 500 }), facts);
    expect(error.context).toMatchObject({ explanation: "Technical fault in the service.", explanationInferred: true });
    expect(error.hint).toContain("correlation id");
  });
});
