import type { HealthcareProfessional, Ident, Organisation } from "@helsekontakt/types/msghead";
import { type Code8116, type Code9051, codeOid } from "@helsekontakt/types/codes";
import { dataChecks } from "../gen/rules/checks.ts";
import { isHerId, isHprNumber, isOrganisationNumber } from "../identifiers/organisation.ts";
import { safeParsePersonNumber } from "../identifiers/person-number.ts";
import { type Incomplete, oidOf, type RuleContext } from "./context.ts";
import { runDataChecks } from "./data-check.ts";
import { herIdsOf } from "./parties.ts";

const herId: Code9051 & Code8116 = "HER";
const organisationNumber: Code9051 = "ENH";
const hprNumber: Code8116 = "HPR";
const personTypes: readonly Code8116[] = ["FNR", "DNR"];

/**
 * What the guides demand of every asynchronous message's head, whatever the process.
 *
 * @see HITS 1217:2018, section 2.3; HITS 1218:2018, section 2.3
 */
export function checkHeader(context: RuleContext): void {
  const info = context.head.MsgInfo ?? {};
  const at = "/MsgHead/MsgInfo";
  runDataChecks(context, dataChecks, { on: "MsgHead", function: context.function }, context.head, "/MsgHead");
  const own = info.MsgId?.trim().toLowerCase();
  for (const name of ["RefToParent", "RefToConversation"] as const) {
    if (own === undefined || own === "" || info.ConversationRef?.[name]?.trim().toLowerCase() !== own) continue;
    context.add(
      "profile/conversation-ref-self",
      `${at}/ConversationRef/${name}`,
      "expected the MsgId of an earlier message, found the message's own",
    );
  }
  checkParty(context, info.Sender?.Organisation, `${at}/Sender/Organisation`);
  checkParty(context, info.Receiver?.Organisation, `${at}/Receiver/Organisation`);
  checkReceiver(context);
  checkPatient(context);
}

/** Nobody writes to itself. The levels of one party may share a HER-id: official examples do. */
function checkReceiver(context: RuleContext): void {
  const info = context.head.MsgInfo;
  const sender = herIdsOf(info?.Sender?.Organisation);
  const receiver = herIdsOf(info?.Receiver?.Organisation);
  if (sender.level2 !== undefined && sender.level2 === receiver.level2) {
    context.add(
      "profile/her-id-same-party",
      "/MsgHead/MsgInfo/Receiver/Organisation",
      "expected another receiver than the sender, found the same HER-id",
    );
  }
}

/** Two levels, each with a HER-id: the enterprise, and below it a service or a person. */
function checkParty(context: RuleContext, party: Incomplete<Organisation> | undefined, path: string): void {
  if (party === undefined) return;
  checkHerId(context, party.Ident, path, codeOid("9051"), path.includes("/Receiver/"));
  checkNumbers(context, party.Ident, path);
  const person: Incomplete<HealthcareProfessional> | undefined = party.HealthcareProfessional;
  if (party.Organisation !== undefined) {
    checkHerId(context, party.Organisation.Ident, `${path}/Organisation`, codeOid("9051"));
    checkNumbers(context, party.Organisation.Ident, `${path}/Organisation`);
  } else if (person !== undefined) {
    checkHerId(context, person.Ident, `${path}/HealthcareProfessional`, codeOid("8116"));
    checkNumbers(context, person.Ident, `${path}/HealthcareProfessional`);
  } else {
    context.add(
      "profile/her-id-levels",
      path,
      "expected a second level, Organisation or HealthcareProfessional, with a HER-id, found none",
    );
  }
}

/** Other identifiers of a party, by their own rules. */
function checkNumbers(context: RuleContext, idents: readonly Incomplete<Ident>[] | undefined, path: string): void {
  (idents ?? []).forEach((ident, index) => {
    const type = ident.TypeId?.$V?.trim();
    const id = ident.Id?.trim() ?? "";
    const at = `${path}/Ident[${index + 1}]/Id`;
    if (type === organisationNumber && !isOrganisationNumber(id))
      context.add(
        "profile/organisation-number",
        at,
        "expected an organisation number with its control digit, found other text",
      );
    if (type === hprNumber && !isHprNumber(id))
      context.add("profile/hpr-number", at, "expected an HPR number, found other text");
  });
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
    const rule = named ? "profile/her-id-receiver-enterprise" : "profile/her-id-levels";
    context.add(rule, path, "expected an Ident of type HER on this level, found none");
    return;
  }
  if (!isHerId(ident.Id?.trim() ?? "")) {
    context.add(
      "profile/her-id",
      `${path}/Ident[${index + 1}]/Id`,
      "expected a HER-id, a plain number, found other text",
    );
  }
  if (ident.TypeId?.$S !== undefined && oidOf(ident.TypeId.$S) !== oid) {
    context.add(
      "profile/her-id-list",
      `${path}/Ident[${index + 1}]/TypeId/@S`,
      `expected the code list ${oid}, found another`,
    );
  }
}

function checkPatient(context: RuleContext): void {
  const at = "/MsgHead/MsgInfo/Patient";
  const patient = context.head.MsgInfo?.Patient;
  if (patient === undefined) return;
  const idents = patient.Ident ?? [];
  const persons = idents.filter(isPersonIdent);
  if (persons.length !== 1 || idents.length !== 1) {
    const found = persons.length === 0 ? "none" : "several identifiers";
    context.add("profile/patient-identifier", at, `expected one identifier, of type FNR or DNR, found ${found}`);
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
    context.add("profile/person-number", `${path}/Id`, "expected a fødselsnummer or D-number, found other text");
    return;
  }
  if (number.kind === "h-or-dolly") {
    context.add(
      "profile/person-number-h",
      `${path}/Id`,
      "expected a number that is not local to one institution, found a month raised by 40",
    );
  }
  if (number.checksum === "invalid") {
    context.add("profile/person-number-checksum", `${path}/Id`, "expected control digits that fit, found others");
  }
  const type: Code8116 = number.kind === "dnr" ? "DNR" : "FNR";
  if (ident.TypeId?.$V?.trim() !== type) {
    context.add(
      "profile/person-number-type",
      `${path}/TypeId/@V`,
      `expected ${type} for a number of this form, found another code`,
    );
  }
}
