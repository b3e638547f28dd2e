import { type Code9034, codeLists, codeOid } from "@helsekontakt/types/codes";
import type { v11 } from "@helsekontakt/types/dialogmelding";
import { dataChecks } from "../gen/rules/checks.ts";
import { isHprNumber } from "../identifiers/organisation.ts";
import { type Incomplete, oidOf, type Payload, type RuleContext, valueOf } from "./context.ts";
import { runDataChecks } from "./data-check.ts";
import type { DialogPart, FunctionRules } from "./function-rules.ts";
import { isFromHelsenorge } from "./parties.ts";
import { checkLength, checkText } from "./xhtml.ts";

/** Role of a clinician that a citizen asks for. */
const wanted: Code9034 = "23";

/**
 * A Dialogmelding stands first where the process has one, and for functions whose parts are known it follows the guide's
 * field matrix.
 *
 * @returns the part that the sender has, when its code tells it.
 * @see HITS 1217:2018, sections 2.3.7, 2.4, 3.3 and 3.13
 */
export function checkDialog(context: RuleContext, rules: FunctionRules): DialogPart | undefined {
  const stated = [...(rules.payloads.provider ?? []), ...(rules.payloads.helsenorge ?? [])].filter(
    (p) => p.element === "Dialogmelding",
  );
  if (stated.length === 0) return undefined;
  const first = context.payloads[0];
  const isDialog = first?.name === "Dialogmelding" && stated.some((p) => p.namespaces.includes(first.ns));
  if (first === undefined || !isDialog || first.document !== 1) {
    context.add(
      "profile/dialogmelding-first",
      "/MsgHead/Document[1]",
      "expected a Dialogmelding of the function's version in the first Document, found something else",
    );
    return undefined;
  }
  const message = valueOf<v11.Dialogmelding>(first);
  return message === undefined || rules.parts.length === 0 ? undefined : checkParts(context, rules, first, message);
}

function checkParts(
  context: RuleContext,
  rules: FunctionRules,
  dialog: Payload,
  message: Incomplete<v11.Dialogmelding>,
): DialogPart | undefined {
  const request = message.Foresporsel?.[0];
  const answer = message.Notat?.[0];
  if ((message.Foresporsel?.length ?? 0) + (message.Notat?.length ?? 0) !== 1) {
    context.add("profile/dialog-part", dialog.path, "expected one Foresporsel or one Notat, found another number");
  }
  const limits = rules.textLimits;
  let part: DialogPart | undefined;
  if (request !== undefined) {
    const path = `${dialog.path}/Foresporsel[1]`;
    part = checkCode(context, rules, "Foresporsel", request.TypeForesp, `${path}/TypeForesp`);
    checkLength(context, request.EmneSporsmal ?? "", `${path}/EmneSporsmal`, limits["EmneSporsmal"]);
    checkText(context, request.Sporsmal, `${path}/Sporsmal`, limits["Sporsmal"]);
    if (context.function === "DIALOG_INNBYGGER_HELSEPERSONELL") checkWanted(context, request, path);
  }
  if (answer !== undefined) {
    const path = `${dialog.path}/Notat[1]`;
    part = checkCode(context, rules, "Notat", answer.TemaKodet, `${path}/TemaKodet`) ?? part;
    checkLength(context, answer.Tema ?? "", `${path}/Tema`, limits["Tema"]);
    checkText(context, answer.TekstNotatInnhold, `${path}/TekstNotatInnhold`, limits["TekstNotatInnhold"]);
    (answer.RollerRelatertNotat ?? []).forEach((role, i) =>
      checkAuthor(context, role, `${path}/RollerRelatertNotat[${i + 1}]`),
    );
  }
  const scope = { on: "Dialogmelding", function: context.function, part: part?.part };
  runDataChecks(context, dataChecks, scope, message, dialog.path);
  checkConversation(context, part, answer !== undefined);
  return part;
}

/** Other codes of the list are readable, but not what a writer uses here. */
function checkCode(
  context: RuleContext,
  rules: FunctionRules,
  element: DialogPart["element"],
  code: { readonly $V?: string | undefined; readonly $S?: string | undefined } | undefined,
  path: string,
): DialogPart | undefined {
  // The schema demands the element; its absence is reported there.
  if (code === undefined) return undefined;
  const value = code.$V?.trim() ?? "";
  const parts = rules.parts.filter((p) => p.element === element);
  const list = parts[0]?.list ?? "7601";
  // The guide prints the OID with a blank in it.
  if (oidOf(code.$S) !== codeOid(list)) {
    context.add("profile/code-list", `${path}/@S`, `expected the code list ${codeOid(list)}, found another`);
  }
  const part = parts.find((p) => p.codes.includes(value));
  if (part === undefined) {
    const listed = codeLists[list].codes.some((c) => c.code === value);
    const found = listed ? `${value}, which this function does not use` : "a code that the list does not have";
    const known = parts.flatMap((p) => p.codes).join(", ");
    context.add("profile/dialog-code", `${path}/@V`, `expected one of ${known}, found ${found}`);
    return undefined;
  }
  const fromHelsenorge = isFromHelsenorge(context);
  if (fromHelsenorge !== undefined && part.party !== undefined && (part.party === "helsenorge") !== fromHelsenorge) {
    const who = fromHelsenorge ? "Helsenorge" : "a provider";
    context.add("profile/dialog-direction", `${path}/@V`, `expected a code that ${who} sends, found the other party's`);
  }
  return part;
}

function checkConversation(context: RuleContext, part: DialogPart | undefined, isAnswer: boolean): void {
  if (!isAnswer && part?.part !== "unread-notice") return;
  if (context.head.MsgInfo?.ConversationRef !== undefined) return;
  context.add(
    "profile/conversation-ref",
    "/MsgHead/MsgInfo",
    "expected ConversationRef in a message that follows another, found none",
  );
}

type Role = Incomplete<NonNullable<v11.Notat["RollerRelatertNotat"]>[number]>;

/** Who answered, in one of the guide's two forms. */
function checkAuthor(context: RuleContext, role: Role, path: string): void {
  const named = (who: { readonly FamilyName?: string | undefined; readonly GivenName?: string | undefined }): boolean =>
    (who.FamilyName ?? "").trim() !== "" && (who.GivenName ?? "").trim() !== "";
  const { Person: person, HealthcareProfessional: professional } = role;
  const add = (expected: string) => context.add("profile/dialog-author", path, `expected ${expected}, found otherwise`);
  if (person !== undefined) {
    if (role.RolleNotat === undefined || !named(person)) add("RolleNotat and both names with a Person");
  } else if (professional !== undefined) {
    const hpr = (professional.Ident ?? []).some(
      (i) => i.TypeId?.$V?.trim() === "HPR" && isHprNumber(i.Id?.trim() ?? ""),
    );
    if ((role.RoleToPatient ?? professional.RoleToPatient) === undefined || !named(professional) || !hpr)
      add("RoleToPatient, both names and an HPR number with a HealthcareProfessional");
  } else {
    add("a Person or a HealthcareProfessional");
  }
}

/** The clinician that a citizen asks for. */
function checkWanted(context: RuleContext, request: Incomplete<v11.Foresporsel>, path: string): void {
  (request.RollerRelatertNotat ?? []).forEach((role, i) => {
    const code = (role.RoleToPatient ?? role.HealthcareProfessional?.RoleToPatient)?.$V?.trim();
    if (code === wanted) return;
    const place = `${path}/RollerRelatertNotat[${i + 1}]`;
    context.add("profile/helsepersonell-wanted", place, `expected RoleToPatient ${wanted}, found another or none`);
  });
}
