import { HelsekontaktError, type Issue } from "@helsekontakt/core";
import { type Code9603, codeSystem, identifierSystems } from "@helsekontakt/types/codes";
import { fhirFromXml, fhirNamespace, profileUrls } from "@helsekontakt/types/fhir";
import { validateFhir } from "../fhir.ts";
import { isHerId } from "../identifiers/organisation.ts";
import { ageOn, safeParsePersonNumber } from "../identifiers/person-number.ts";
import type { Payload, RuleContext } from "./context.ts";
import { isPersonIdent } from "./header.ts";

/** The parts of an EpisodeOfCare that the rules below look at; nothing is assumed to be there. */
interface Episode {
  readonly meta?: { readonly security?: readonly { readonly system?: unknown; readonly code?: unknown }[] };
  readonly patient?: { readonly identifier?: { readonly value?: unknown } };
  readonly managingOrganization?: { readonly identifier?: { readonly system?: unknown; readonly value?: unknown } };
}

const accessCodes: readonly Code9603[] = ["N", "NORN_FORANS", "NORN_UNGDOM"];

/** Checks FHIR resources in the message, with a profile where one applies, and gives them back. */
export function checkFhirPayloads(context: RuleContext, issues: Issue[], profile: string | undefined): unknown[] {
  const resources: unknown[] = [];
  for (const payload of context.payloads) {
    if (payload.ns !== fhirNamespace || payload.item.element === undefined) continue;
    const found: Issue[] = [];
    try {
      const resource = fhirFromXml(payload.item.element, { issues: found });
      resources.push(resource);
      found.push(...validateFhir(resource, profile === undefined ? {} : { profile }).issues);
    } catch (error) {
      if (!(error instanceof HelsekontaktError) || (error as HelsekontaktError).code !== "fhir/not-readable")
        throw error;
      const message = (error as HelsekontaktError).message.replace(/^\[[^\]]*\] /, "");
      found.push({ level: "error", rule: "fhir/not-readable", path: payload.name, message });
    }
    const inMessage = payload.path.slice(0, -payload.name.length);
    issues.push(...found.map((i) => ({ ...i, path: `${inMessage}${i.path}` })));
  }
  return resources;
}

/**
 * The notification about a health contact: one EpisodeOfCare about the patient of the message's head.
 *
 * @see AMQP Notifikasjon Helsekontakt (page 1975418911), through public notes; marks in the reference documentation
 */
export function checkNotifikasjon(context: RuleContext, issues: Issue[]): void {
  const payload = context.payloads[0];
  if (context.head.MsgInfo?.ConversationRef !== undefined) {
    context.add(
      "warning",
      "profile/conversation-ref",
      "/MsgHead/MsgInfo/ConversationRef",
      "expected no ConversationRef in this process, found one",
    );
  }
  const isEpisode = payload?.ns === fhirNamespace && payload.name === "EpisodeOfCare";
  if (payload === undefined || !isEpisode || context.payloads.length !== 1) {
    context.add(
      "error",
      "profile/notifikasjon-payload",
      "/MsgHead",
      "expected one Document with an EpisodeOfCare, found another set of payloads",
    );
  }
  const [resource] = checkFhirPayloads(context, issues, isEpisode ? profileUrls.HkEpisodeOfCare : undefined);
  if (payload !== undefined && isEpisode && resource !== undefined) checkEpisode(context, payload, resource as Episode);
}

function checkEpisode(context: RuleContext, payload: Payload, episode: Episode): void {
  const info = context.head.MsgInfo;
  const head = info?.Patient?.Ident?.find(isPersonIdent)?.Id?.trim();
  const own = episode.patient?.identifier?.value;
  if (typeof own === "string" && head !== undefined && own !== head) {
    context.add(
      "error",
      "profile/notifikasjon-patient",
      `${payload.path}.patient`,
      "expected the patient of MsgInfo, found another",
    );
  }
  const party = episode.managingOrganization?.identifier;
  const bad = party !== undefined && party.system === identifierSystems.herId && !isHerId(String(party.value ?? ""));
  if (bad) {
    context.add(
      "error",
      "profile/her-id",
      `${payload.path}.managingOrganization.identifier.value`,
      "expected a HER-id, a plain number, found other text",
    );
  }
  const access = (episode.meta?.security ?? []).filter((s) => s.system === codeSystem("9603"));
  const birthDate = safeParsePersonNumber(head ?? "")?.birthDate;
  const day = info?.GenDate?.trim();
  const age = birthDate === undefined || day === undefined ? undefined : ageOn(birthDate, day);
  if (age !== undefined && age >= 12 && age <= 15 && access.length === 0) {
    context.add(
      "warning",
      "profile/youth-access",
      `${payload.path}.meta.security`,
      `expected one of ${accessCodes.join(", ")} for a patient of 12 to 15 years, found none`,
    );
  }
}
