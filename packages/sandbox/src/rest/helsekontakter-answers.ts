import { type FhirResource, fhirToXml } from "@helsekontakt/types/fhir";
import { serializeXml } from "@helsekontakt/types/xml";
import type { SandboxResponse } from "../http/server.ts";
import type { MemberAnswerForm } from "./helsekontakter-state.ts";

/** What was made of one entry of a member list. */
export interface MemberVerdict {
  readonly index: number;
  readonly fullUrl?: string;
  readonly fnr: string;
  readonly status: "201" | "422";
  readonly code?: string;
  readonly text?: string;
}

export type FhirMedia = "application/fhir+json" | "application/fhir+xml";

/** An OperationOutcome with one error. */
export function operationOutcome(code: string, text: string, type = "business-rule", more: object = {}): FhirResource {
  return {
    resourceType: "OperationOutcome",
    issue: [{ severity: "error", code: type, details: { coding: [{ code }], text }, ...more }],
  } as FhirResource;
}

/** A resource in the media type that was asked for. */
export function fhirAnswer(status: number, resource: FhirResource, media: FhirMedia): SandboxResponse {
  const body =
    media === "application/fhir+xml"
      ? Buffer.from(serializeXml(fhirToXml(resource))).toString("utf8")
      : JSON.stringify(resource);
  return { status, headers: { "content-type": media }, body };
}

/** The outcomes of a member list in one of the forms. */
export function memberAnswer(
  verdicts: readonly MemberVerdict[],
  form: MemberAnswerForm,
  named: boolean,
  media: FhirMedia,
): SandboxResponse {
  const refused = verdicts.filter((v) => v.status !== "201");
  const bundle = (type: string, entry: readonly object[]): SandboxResponse =>
    fhirAnswer(200, { resourceType: "Bundle", type, entry } as unknown as FhirResource, media);
  const address = (v: MemberVerdict): object => (named && v.fullUrl !== undefined ? { fullUrl: v.fullUrl } : {});
  const outcome = (v: MemberVerdict, more: object = {}): FhirResource =>
    operationOutcome(v.code ?? "", v.text ?? "", "business-rule", more);
  switch (form) {
    case "batch-response":
      return bundle(
        form,
        verdicts.map((v) => ({
          ...address(v),
          response: { status: v.status, ...(v.code === undefined ? {} : { outcome: outcome(v) }) },
        })),
      );
    case "transaction-response":
      return bundle(
        form,
        verdicts.map((v) => ({
          ...address(v),
          response:
            v.code === undefined
              ? { status: "201 Created", location: `Patient/${v.index}/_history/1` }
              : { status: "422 Unprocessable Entity", outcome: outcome(v) },
        })),
      );
    case "outcome-bundle":
      return bundle(
        "collection",
        verdicts.map((v) => ({
          ...address(v),
          resource:
            v.code === undefined
              ? { resourceType: "OperationOutcome", issue: [{ severity: "information", code: "informational" }] }
              : outcome(v),
        })),
      );
    case "operation-outcome":
      return fhirAnswer(
        200,
        {
          resourceType: "OperationOutcome",
          issue: [
            { severity: "information", code: "informational" },
            ...refused.flatMap((v) => issuesOf(outcome(v, { expression: [`Bundle.entry[${v.index}].resource`] }))),
          ],
        } as unknown as FhirResource,
        media,
      );
    case "list":
      return json(
        verdicts.map((v) => ({
          ...(named ? { fnr: v.fnr } : {}),
          registrert: v.code === undefined,
          ...(v.code === undefined ? {} : { feilkode: v.code, melding: v.text }),
        })),
      );
    case "list-by-index":
      return json(
        verdicts.map((v) => ({
          index: v.index,
          statusCode: Number(v.status),
          ...(v.code === undefined ? {} : { code: v.code, message: v.text }),
        })),
      );
    case "object":
      return json({
        resultater: Object.fromEntries(
          verdicts.map((v) => [v.fnr, v.code === undefined ? { status: "OK" } : { status: "Feil", kode: v.code }]),
        ),
      });
    case "lists-by-outcome":
      return json({
        registrert: verdicts.filter((v) => v.code === undefined).map((v) => v.fnr),
        avvist: refused.map((v) => ({ fnr: v.fnr, kode: v.code })),
      });
    case "xml-list":
      return {
        status: 200,
        headers: { "content-type": "application/xml" },
        body: `<ArrayOfMedlemResultat>${verdicts
          .map(
            (v) =>
              `<MedlemResultat><Id>${v.fullUrl ?? ""}</Id><Registrert>${v.code === undefined}</Registrert>${v.code === undefined ? "" : `<Feilkode>${v.code}</Feilkode>`}</MedlemResultat>`,
          )
          .join("")}</ArrayOfMedlemResultat>`,
      };
    case "empty":
      return { status: 200 };
    case "no-content":
      return { status: 204 };
  }
}

function issuesOf(resource: FhirResource): readonly object[] {
  return (resource as { issue?: readonly object[] }).issue ?? [];
}

function json(body: unknown): SandboxResponse {
  return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
