import type { paths } from "@helsekontakt/types/openapi/helsekontakter";
import { fhirProfiles, validateFhir } from "@helsekontakt/validators/fhir";
import type { DigitalStatus } from "../citizens.ts";
import type { SandboxRequest, SandboxResponse } from "../http/server.ts";

/** Path of Medlemstjenester, as specs/openapi has it. */
export const helsekontakterPath: keyof paths = "/helsekontakter/api/v1";
/** Its scope; inferred. */
export const helsekontakterScope = "nhn:helsenorge.eksternapi/helsekontakter";

interface Entry {
  readonly fullUrl?: string;
  readonly resource?: {
    readonly resourceType: string;
    readonly identifier?: readonly { readonly system?: string; readonly value?: string }[];
    readonly contact?: readonly { readonly organization?: { readonly identifier?: { readonly value?: string } } }[];
  };
}

/** What Helsenorge keeps of the offerings and members it was sent. */
export interface HelsekontakterState {
  readonly offerings: Map<string, string>;
  readonly organisations: Set<string>;
  /** Registered members, by number and organisation. */
  readonly members: Set<string>;
}

/** An empty state. */
export function createHelsekontakterState(): HelsekontakterState {
  return { offerings: new Map(), organisations: new Set(), members: new Set() };
}

/**
 * Takes an offerings Bundle or a members Bundle, checked against the profiles in specs/, and answers one outcome per
 * member. The form of the answer is inferred: a batch-response Bundle.
 */
export function answerHelsekontakter(
  request: SandboxRequest,
  state: HelsekontakterState,
  statusOf: (fnr: string) => DigitalStatus,
): SandboxResponse {
  let bundle: { resourceType?: string; entry?: readonly Entry[] };
  try {
    bundle = JSON.parse(request.body.toString("utf8")) as typeof bundle;
  } catch {
    return outcome(400, "structure", "100", "Ugyldig JSON");
  }
  const entries = bundle.entry ?? [];
  const members = entries.some((e) => e.resource?.resourceType === "Patient");
  const profile = fhirProfiles.find((url) => url.endsWith(members ? "/hk-members-bundle" : "/hk-offerings-bundle"));
  const { valid, issues } = validateFhir(bundle, profile === undefined ? {} : { profile });
  if (!valid) {
    const errors = issues.filter((i) => i.level === "error");
    return {
      status: 400,
      headers: { "content-type": "application/fhir+json" },
      body: JSON.stringify({
        resourceType: "OperationOutcome",
        issue: errors.map((i) => ({
          severity: "error",
          code: "invalid",
          diagnostics: `${i.rule}: ${i.message}`,
          expression: [i.path],
        })),
      }),
    };
  }
  return members ? takeMembers(entries, state, statusOf) : takeOfferings(entries, state);
}

function takeOfferings(entries: readonly Entry[], state: HelsekontakterState): SandboxResponse {
  for (const { resource } of entries) {
    const value = resource?.identifier?.[0]?.value;
    if (value === undefined) continue;
    if (resource?.resourceType === "HealthcareService") state.offerings.set(value, resource.resourceType);
    if (resource?.resourceType === "Organization") state.organisations.add(value);
  }
  return bundleOf(
    entries.map((e) => ({ ...(e.fullUrl === undefined ? {} : { fullUrl: e.fullUrl }), response: { status: "200" } })),
  );
}

function takeMembers(
  entries: readonly Entry[],
  state: HelsekontakterState,
  statusOf: (fnr: string) => DigitalStatus,
): SandboxResponse {
  return bundleOf(
    entries.map(({ fullUrl, resource }) => {
      const fnr = resource?.identifier?.[0]?.value ?? "";
      const organisation = resource?.contact?.[0]?.organization?.identifier?.value ?? "";
      const named = fullUrl === undefined ? {} : { fullUrl };
      if (!state.organisations.has(organisation))
        return { ...named, response: fault("422", "2119", "Organisasjonen har ingen helsetilbud") };
      if (statusOf(fnr) !== "self")
        return { ...named, response: fault("422", "2118", "Pasienten er ikke digitalt aktiv") };
      state.members.add(`${fnr}/${organisation}`);
      return { ...named, response: { status: "201" } };
    }),
  );
}

function fault(status: string, code: string, text: string): Record<string, unknown> {
  return { status, outcome: operationOutcome("business-rule", code, text) };
}

function operationOutcome(type: string, code: string, text: string): Record<string, unknown> {
  return {
    resourceType: "OperationOutcome",
    issue: [{ severity: "error", code: type, details: { coding: [{ code }], text } }],
  };
}

function outcome(status: number, type: string, code: string, text: string): SandboxResponse {
  return {
    status,
    headers: { "content-type": "application/fhir+json" },
    body: JSON.stringify(operationOutcome(type, code, text)),
  };
}

function bundleOf(entry: readonly Record<string, unknown>[]): SandboxResponse {
  return {
    status: 200,
    headers: { "content-type": "application/fhir+json" },
    body: JSON.stringify({ resourceType: "Bundle", type: "batch-response", entry }),
  };
}
