import type { HealthcareProfessional, Ident, Organisation } from "@helsekontakt/types/msghead";
import { type Code7304, type Code8116, type Code9051, codeOid } from "@helsekontakt/types/codes";
import { isHerId, isUuid } from "../identifiers/organisation.ts";
import { safeParsePersonNumber } from "../identifiers/person-number.ts";
import type { Incomplete, RuleContext } from "./context.ts";

const herId: Code9051 & Code8116 = "HER";
const organisationNumber: Code9051 = "ENH";
const acknowledge: Code7304 = "J";
const personTypes: readonly Code8116[] = ["FNR", "DNR"];

/**
 * What the guides demand of every asynchronous message's head, whatever the process.
 *
 * @see HITS 1217:2018, section 2.3; HITS 1218:2018, section 2.3
 */
export function checkHeader(context: RuleContext): void {
  const info = context.head.MsgInfo ?? {};
  const at = "/MsgHead/MsgInfo";
  if (!isUuid(info.MsgId ?? "")) {
    context.add("error", "profile/msg-id", `${at}/MsgId`, "expected a UUID, found other text; Helsenorge answers E10");
  }
  if (info.Ack === undefined) {
    context.add("error", "profile/ack", `${at}`, `expected Ack with V ${acknowledge}, found none`);
  } else if (info.Ack.$V?.trim() !== acknowledge) {
    context.add("error", "profile/ack", `${at}/Ack/@V`, `expected ${acknowledge}, found another code`);
  }
  const conversation = info.ConversationRef;
  if (conversation !== undefined) {
    for (const name of ["RefToParent", "RefToConversation"] as const) {
      if (isUuid(conversation[name] ?? "")) continue;
      context.add(
        "warning",
        "profile/conversation-ref",
        `${at}/ConversationRef/${name}`,
        "expected the MsgId of a message, which is a UUID, found other text",
      );
    }
  }
  checkParty(context, info.Sender?.Organisation, `${at}/Sender/Organisation`);
  checkParty(context, info.Receiver?.Organisation, `${at}/Receiver/Organisation`);
  checkPatient(context);
}

/** Two levels, each with a HER-id: the enterprise, and below it a service or a person. */
function checkParty(context: RuleContext, party: Incomplete<Organisation> | undefined, path: string): void {
  if (party === undefined) return;
  checkHerId(context, party.Ident, path, codeOid("9051"), path.includes("/Receiver/"));
  const person: Incomplete<HealthcareProfessional> | undefined = party.HealthcareProfessional;
  if (party.Organisation !== undefined) {
    checkHerId(context, party.Organisation.Ident, `${path}/Organisation`, codeOid("9051"));
  } else if (person !== undefined) {
    checkHerId(context, person.Ident, `${path}/HealthcareProfessional`, codeOid("8116"));
  } else {
    context.add(
      "error",
      "profile/her-id-levels",
      path,
      "expected a second level, Organisation or HealthcareProfessional, with a HER-id, found none",
    );
  }
}

/** The HER-id may stand behind other identifiers; its code list differs between organisations and persons. */
function checkHerId(
  context: RuleContext,
  idents: readonly Incomplete<Ident>[] | undefined,
  path: string,
  oid: string,
  lenient = false,
): void {
  const index = (idents ?? []).findIndex((i) => i.TypeId?.$V?.trim() === herId);
  const ident = idents?.[index];
  if (ident === undefined) {
    // An official example names the receiving enterprise by organisation number alone.
    const named = lenient && (idents ?? []).some((i) => i.TypeId?.$V?.trim() === organisationNumber);
    const level = named ? "warning" : "error";
    context.add(level, "profile/her-id-levels", path, "expected an Ident of type HER on this level, found none");
    return;
  }
  if (!isHerId(ident.Id?.trim() ?? "")) {
    context.add(
      "error",
      "profile/her-id",
      `${path}/Ident[${index + 1}]/Id`,
      "expected a HER-id, a plain number, found other text",
    );
  }
  if (ident.TypeId?.$S !== undefined && ident.TypeId.$S.trim() !== oid) {
    context.add(
      "warning",
      "profile/her-id-list",
      `${path}/Ident[${index + 1}]/TypeId/@S`,
      `expected the code list ${oid}, found another`,
    );
  }
}

function checkPatient(context: RuleContext): void {
  const at = "/MsgHead/MsgInfo/Patient";
  const patient = context.head.MsgInfo?.Patient;
  if (patient === undefined) {
    context.add(
      "error",
      "profile/patient",
      "/MsgHead/MsgInfo",
      "expected a Patient with names and one identifier, found none",
    );
    return;
  }
  for (const name of ["FamilyName", "GivenName"] as const) {
    if ((patient[name] ?? "").trim() === "")
      context.add("error", "profile/patient", at, `expected ${name}, found none`);
  }
  const idents = patient.Ident ?? [];
  const persons = idents.filter(isPersonIdent);
  if (persons.length !== 1 || idents.length !== 1) {
    const found = persons.length === 0 ? "none" : "several identifiers";
    context.add(
      "error",
      "profile/patient-identifier",
      at,
      `expected one identifier, of type FNR or DNR, found ${found}`,
    );
  }
  idents.forEach((ident, index) => {
    if (persons.includes(ident)) checkNumber(context, ident, `${at}/Ident[${index + 1}]`);
  });
}

/** Whether an identifier is one of the two kinds that Helsenorge takes for a patient. */
export function isPersonIdent(ident: Incomplete<Ident>): boolean {
  return personTypes.includes(ident.TypeId?.$V?.trim() as Code8116);
}

/** Control digits only warn: official samples have wrong ones, and the rule widens in 2032. */
function checkNumber(context: RuleContext, ident: Incomplete<Ident>, path: string): void {
  const number = safeParsePersonNumber(ident.Id?.trim() ?? "");
  if (number === undefined || number.kind === "fhn") {
    context.add(
      "error",
      "profile/person-number",
      `${path}/Id`,
      "expected a fødselsnummer or D-number, found other text",
    );
    return;
  }
  if (number.checksum === "invalid") {
    context.add(
      "warning",
      "profile/person-number-checksum",
      `${path}/Id`,
      "expected control digits that fit, found others",
    );
  }
  const type: Code8116 = number.kind === "dnr" ? "DNR" : "FNR";
  if (ident.TypeId?.$V?.trim() !== type) {
    context.add(
      "warning",
      "profile/person-number-type",
      `${path}/TypeId/@V`,
      `expected ${type} for a number of this form, found another code`,
    );
  }
}
