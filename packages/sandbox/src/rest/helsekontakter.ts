import { type Bundle, type FhirResource, fhirFromXml, parseFhirJson } from "@helsekontakt/types/fhir";
import type { paths } from "@helsekontakt/types/openapi/helsekontakter";
import { parseXml } from "@helsekontakt/types/xml";
import { fhirProfiles, validateFhir } from "@helsekontakt/validators/fhir";
import type { DigitalStatus } from "../citizens.ts";
import type { SandboxRequest, SandboxResponse } from "../http/server.ts";
import {
  type FhirMedia,
  fhirAnswer,
  memberAnswer,
  type MemberVerdict,
  operationOutcome,
} from "./helsekontakter-answers.ts";
import type { HelsekontakterState } from "./helsekontakter-state.ts";
import { organisationsOf } from "./tenancy.ts";

export { createHelsekontakterState, type HelsekontakterState } from "./helsekontakter-state.ts";

/** Path of Medlemstjenester, as specs/openapi has it; paths below it are answered as well. */
export const helsekontakterPath: keyof paths = "/helsekontakter/api/v1";
/** Its scope; inferred. */
export const helsekontakterScope = "nhn:helsenorge.eksternapi/helsekontakter";

/** True for the path of the service and those below it, one of which may be meant for each step. */
export function isHelsekontakterPath(pathname: string): boolean {
  return pathname === helsekontakterPath || pathname.startsWith(`${helsekontakterPath}/`);
}

/**
 * Takes an offerings Bundle or a members Bundle of the organisation that the token is for, checked against the profiles
 * in specs/, and answers in the form that the state's behaviour asks for.
 *
 * @param request - its token has been verified.
 */
export async function answerHelsekontakter(
  request: SandboxRequest,
  state: HelsekontakterState,
  statusOf: (fnr: string) => DigitalStatus,
): Promise<SandboxResponse> {
  const { behaviour } = state;
  const media = mediaOf(request.headers["accept"] ?? request.headers["content-type"]);
  const refuse = (status: number, code: string, text: string, type: string): SandboxResponse =>
    fhirAnswer(status, operationOutcome(code, text, type), media);
  const sentAs = (request.headers["content-type"] ?? "").split(";")[0]?.trim();
  if (sentAs !== "application/fhir+json" && sentAs !== "application/fhir+xml")
    return refuse(415, "1001", "Ukjent medietype", "not-supported");
  const own = organisationsOf(request);
  // As for a multi-tenant client that sends no organisation number.
  if (own.length === 0)
    return { status: 401, body: { Code: "EHSEC-110002", Message: "Token is expired or invalid", ErrorCategory: 1 } };
  let bundle: Bundle;
  try {
    bundle = readBundle(request.body, sentAs);
  } catch {
    return refuse(400, "100", "Ugyldig innhold", "structure");
  }
  const entries = bundle.entry ?? [];
  const isMembers = entries.some((e) => e.resource?.resourceType === "Patient");
  const count = isMembers ? entries.length : 0;
  if (count > behaviour.maxMembers) return refuse(413, "1002", "For mange medlemmer", "too-long");
  const broken = profileFaults(bundle, isMembers);
  if (broken !== undefined) return fhirAnswer(400, broken, media);
  if (organisationsIn(bundle).some((number) => !own.includes(number)))
    return { status: 403, body: { Code: "EHSEC-110001", Message: "No access", ErrorCategory: 1 } };
  await pause(behaviour.baseMs + behaviour.perMemberMs * count);
  if (!isMembers) return takeOfferings(bundle, state, media);
  if (entries.some((e) => behaviour.poison.has(fnrOf(e.resource)))) {
    note(state, count, false);
    await pause(behaviour.holdMs);
    return { status: 504 };
  }
  const verdicts = takeMembers(bundle, state, statusOf).filter((v) => !behaviour.omit(v.fnr));
  const held = behaviour.storeThenHold > 0;
  note(state, count, !held);
  if (held) {
    behaviour.storeThenHold--;
    await pause(behaviour.holdMs);
    return { status: 504 };
  }
  return memberAnswer(verdicts, behaviour.form, behaviour.named, media);
}

function note(state: HelsekontakterState, members: number, answered: boolean): void {
  state.calls.push({ members, answered });
  if (state.calls.length > 100_000) state.calls.shift();
}

function mediaOf(header: string | undefined): FhirMedia {
  const first = header?.split(",")[0] ?? "";
  return first.includes("xml") ? "application/fhir+xml" : "application/fhir+json";
}

function readBundle(body: Buffer, media: string): Bundle {
  const resource: FhirResource =
    media === "application/fhir+xml" ? fhirFromXml(parseXml(body)) : parseFhirJson(body.toString("utf8"));
  if (resource.resourceType !== "Bundle") throw new TypeError("expected a Bundle");
  return resource;
}

/** An OperationOutcome with every error of the profile, or nothing. */
function profileFaults(bundle: Bundle, isMembers: boolean): FhirResource | undefined {
  const profile = fhirProfiles.find((url) => url.endsWith(isMembers ? "/hk-members-bundle" : "/hk-offerings-bundle"));
  const { valid, issues } = validateFhir(bundle, profile === undefined ? {} : { profile });
  if (valid) return undefined;
  const errors = issues.filter((i) => i.level === "error");
  return {
    resourceType: "OperationOutcome",
    issue: errors.map((i) => ({
      severity: "error",
      code: "invalid",
      diagnostics: `${i.rule}: ${i.message}`,
      expression: [i.path],
    })),
  } as unknown as FhirResource;
}

interface WithIdentifier {
  readonly identifier?: readonly { readonly system?: string; readonly value?: string }[];
}

function organisationsIn(bundle: Bundle): string[] {
  return (bundle.entry ?? []).flatMap(({ resource }) => {
    if (resource?.resourceType === "Organization") return [identifierOf(resource)];
    if (resource?.resourceType !== "Patient") return [];
    return (resource.contact ?? []).map((c) => c.organization?.identifier?.value ?? "");
  });
}

function identifierOf(resource: WithIdentifier | undefined): string {
  return resource?.identifier?.[0]?.value ?? "";
}

function fnrOf(resource: FhirResource | undefined): string {
  return resource?.resourceType === "Patient" ? identifierOf(resource) : "";
}

function takeOfferings(bundle: Bundle, state: HelsekontakterState, media: FhirMedia): SandboxResponse {
  const entries = bundle.entry ?? [];
  const byUrl = new Map(entries.map((e) => [e.fullUrl, e.resource]));
  const named = new Set<string>();
  const organisations = new Set<string>();
  for (const { resource } of entries) {
    if (resource?.resourceType === "Organization") organisations.add(identifierOf(resource));
    if (resource?.resourceType !== "HealthcareService") continue;
    const id = identifierOf(resource)
      .replace(/^urn:uuid:/i, "")
      .toLowerCase();
    const provider = byUrl.get(resource.providedBy?.reference ?? "");
    const location = byUrl.get(resource.location?.[0]?.reference ?? "");
    const organisation = provider?.resourceType === "Organization" ? identifierOf(provider) : "";
    named.add(id);
    state.offerings.set(id, {
      id,
      name: resource.name ?? "",
      active: resource.active ?? true,
      organisation,
      ...(location === undefined ? {} : { location }),
    });
  }
  if (state.behaviour.replaceOfferings)
    for (const offering of state.offerings.values())
      if (organisations.has(offering.organisation) && !named.has(offering.id)) state.offerings.delete(offering.id);
  const served = new Set([...state.offerings.values()].filter((o) => o.active).map((o) => o.organisation));
  for (const number of organisations)
    if (served.has(number)) state.organisations.add(number);
    else state.organisations.delete(number);
  const entry = entries.map((e) => ({
    ...(e.fullUrl === undefined ? {} : { fullUrl: e.fullUrl }),
    response: { status: "200" },
  }));
  return fhirAnswer(200, { resourceType: "Bundle", type: "batch-response", entry } as unknown as FhirResource, media);
}

function takeMembers(
  bundle: Bundle,
  state: HelsekontakterState,
  statusOf: (fnr: string) => DigitalStatus,
): MemberVerdict[] {
  return (bundle.entry ?? []).map(({ fullUrl, resource }, index) => {
    const contact = resource?.resourceType === "Patient" ? resource.contact?.[0] : undefined;
    const fnr = fnrOf(resource);
    const organisation = contact?.organization?.identifier?.value ?? "";
    const { start = "", end = "" } = contact?.period ?? {};
    const about = { index, fnr, ...(fullUrl === undefined ? {} : { fullUrl }) };
    const refused = (code: string, text: string): MemberVerdict => ({ ...about, status: "422", code, text });
    if (!state.organisations.has(organisation)) return refused("2119", "Organisasjonen har ingen helsetilbud");
    const code = state.behaviour.refuse.get(fnr);
    if (code !== undefined) return refused(code, "Medlemmet kan ikke registreres");
    if (statusOf(fnr) !== "self") return refused("2118", "Pasienten er ikke digitalt aktiv");
    const key = `${fnr}/${organisation}`;
    const before = state.members.get(key);
    const same = before !== undefined && before.start === start && before.end === end;
    state.members.set(key, { fnr, organisation, start, end, times: same ? before.times + 1 : 1 });
    return { ...about, status: "201" };
  });
}

function pause(ms: number): Promise<void> | undefined {
  // Not to keep a process that is otherwise done.
  return ms <= 0 ? undefined : new Promise((resolve) => void setTimeout(resolve, ms).unref());
}
