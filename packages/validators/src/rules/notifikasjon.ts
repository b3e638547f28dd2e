import { HelsekontaktError, type Issue } from "@helsekontakt/core";
import { type Code9603, codeSystem, identifierSystems } from "@helsekontakt/types/codes";
import { fhirFromXml, fhirNamespace, profileUrls } from "@helsekontakt/types/fhir";
import { validateFhir } from "../fhir.ts";
import { isHerId } from "../identifiers/organisation.ts";
import { ageOn, safeParsePersonNumber } from "../identifiers/person-number.ts";
import { isUuid } from "../identifiers/uuid.ts";
import type { Payload, RuleContext } from "./context.ts";
import { isPersonIdent } from "./header.ts";
import { herIdsOf } from "./parties.ts";

/** The parts of an EpisodeOfCare that the rules below look at; nothing is assumed to be there. */
interface Episode {
  readonly id?: unknown;
  readonly status?: unknown;
  readonly meta?: {
    readonly profile?: unknown;
    readonly security?: readonly { readonly system?: unknown; readonly code?: unknown }[];
  };
  readonly period?: { readonly start?: unknown; readonly end?: unknown };
  readonly patient?: { readonly identifier?: { readonly system?: unknown; readonly value?: unknown } };
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
    // A path begins with the name of the resource; the payload's own one tells it from others of its name.
    issues.push(...found.map((i) => ({ ...i, path: `${payload.path}${i.path.slice(payload.name.length)}` })));
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
  const isEpisode = payload?.ns === fhirNamespace && payload.name === "EpisodeOfCare";
  const [resource] = checkFhirPayloads(context, issues, isEpisode ? profileUrls.HkEpisodeOfCare : undefined);
  if (payload !== undefined && isEpisode && resource !== undefined) checkEpisode(context, payload, resource as Episode);
}

function checkEpisode(context: RuleContext, payload: Payload, episode: Episode): void {
  const at = payload.path;
  if (typeof episode.id === "string" && !isUuid(episode.id))
    context.add("profile/notifikasjon-id", `${at}.id`, "expected a GUID, found other text");
  if (episode.meta?.profile !== undefined)
    context.add("profile/notifikasjon-meta-profile", `${at}.meta.profile`, "expected no profile, found one");
  checkEpisodePatient(context, at, episode);
  checkOrganisation(context, at, episode);
  checkAccess(context, at, episode);
  const { period, status } = episode;
  if (period !== undefined && period.start === undefined)
    context.add("profile/notifikasjon-period", `${at}.period`, "expected the start of the period, found none");
  if (status === "finished" && period?.end === undefined)
    context.add(
      "profile/notifikasjon-period",
      `${at}.period`,
      "expected the end of a contact that has ended, found none",
    );
}

function checkEpisodePatient(context: RuleContext, at: string, episode: Episode): void {
  const head = context.head.MsgInfo?.Patient?.Ident?.find(isPersonIdent)?.Id?.trim();
  const { value, system } = episode.patient?.identifier ?? {};
  if (typeof value !== "string") return;
  if (head !== undefined && value !== head)
    context.add("profile/notifikasjon-patient", `${at}.patient`, "expected the patient of MsgInfo, found another");
  const number = safeParsePersonNumber(value);
  if (number === undefined) return;
  const expected = number.kind === "dnr" ? identifierSystems.dNummer : identifierSystems.fodselsnummer;
  const persons: readonly unknown[] = [identifierSystems.dNummer, identifierSystems.fodselsnummer];
  if (persons.includes(system) && system !== expected)
    context.add(
      "profile/notifikasjon-person-system",
      `${at}.patient.identifier.system`,
      `expected ${expected} for a number of this form, found another system`,
    );
}

/** The contact is named by a HER-id: the sender's own, on level 2. */
function checkOrganisation(context: RuleContext, at: string, episode: Episode): void {
  const party = episode.managingOrganization?.identifier;
  if (party === undefined) return;
  const path = `${at}.managingOrganization.identifier`;
  if (party.system === codeSystem("9051") || party.system === codeSystem("8116"))
    context.add(
      "profile/notifikasjon-her-id-system",
      `${path}.system`,
      `expected ${identifierSystems.herId}, found a code list`,
    );
  if (party.system !== identifierSystems.herId) return;
  const value = String(party.value ?? "");
  const { level2 } = herIdsOf(context.head.MsgInfo?.Sender?.Organisation);
  if (!isHerId(value))
    context.add("profile/her-id", `${path}.value`, "expected a HER-id, a plain number, found other text");
  else if (level2 !== undefined && level2 !== value)
    context.add(
      "profile/notifikasjon-organisation",
      `${path}.value`,
      "expected the sender's level 2 HER-id, found another",
    );
}

function checkAccess(context: RuleContext, at: string, episode: Episode): void {
  const info = context.head.MsgInfo;
  const labels = Array.isArray(episode.meta?.security) ? episode.meta.security : [];
  const access = labels.filter((s) => s.system === codeSystem("9603"));
  const one = `one of ${accessCodes.join(", ")}`;
  if (access.length > 1 || access.some((s) => !accessCodes.includes(s.code as Code9603)))
    context.add("profile/youth-access-code", `${at}.meta.security`, `expected ${one}, found another or several`);
  const head = info?.Patient?.Ident?.find(isPersonIdent)?.Id?.trim();
  const birthDate = safeParsePersonNumber(head ?? "")?.birthDate;
  const day = info?.GenDate?.trim();
  const age = birthDate === undefined || day === undefined ? undefined : ageOn(birthDate, day);
  if (age !== undefined && age >= 12 && age <= 15 && access.length === 0)
    context.add(
      "profile/youth-access",
      `${at}.meta.security`,
      `expected ${one} for a patient of 12 to 15 years, found none`,
    );
}
