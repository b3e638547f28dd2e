import { type Code7601, type Code7602, codeLists, codeOid } from "@helsekontakt/types/codes";
import { elements as dialogElements, type v11 } from "@helsekontakt/types/dialogmelding";
import type { Pasientrelasjon } from "@helsekontakt/types/pasientrelasjon";
import { splitClark } from "@helsekontakt/types/xml";
import { type Incomplete, type Payload, type RuleContext, valueOf } from "./context.ts";
import { checkLength, checkText, isBlank } from "./xhtml.ts";

/** What a party may send: a citizen's or provider's request or answer. */
type Part =
  | "citizen-request"
  | "provider-answer"
  | "provider-request"
  | "citizen-answer"
  | "rejection"
  | "unread-notice";

const requests: ReadonlyMap<string, Part> = new Map<Code7601, Part>([
  ["HE", "citizen-request"],
  ["DI", "provider-request"],
  ["EKI", "provider-request"],
  ["VUS", "unread-notice"],
]);
const answers: ReadonlyMap<string, Part> = new Map<Code7602, Part>([
  ["19", "provider-answer"],
  ["22", "citizen-answer"],
  ["26", "rejection"],
  ["30", "rejection"],
  ["31", "rejection"],
]);
/** Upper bounds of the citizen's screen, characters. */
const limits = { subject: 50, text: 1000 };
const dialog11 = new Set(
  Object.keys(dialogElements)
    .map((name) => splitClark(name).ns)
    .filter((ns) => ns.endsWith("/2013-01-23")),
);

/**
 * The field matrix of E-kontakt.
 *
 * @see HITS 1217:2018, sections 2.4 and 3.3
 */
export function checkEkontakt(context: RuleContext): void {
  const first = context.payloads[0];
  const dialog = context.payloads.find((p) => p.name === "Dialogmelding");
  if (first === undefined || dialog === undefined || first !== dialog || !dialog11.has(dialog.ns)) {
    context.add(
      "error",
      "profile/dialogmelding-first",
      "/MsgHead/Document[1]",
      "expected a Dialogmelding 1.1 in the first Document, found something else",
    );
    return;
  }
  const message = valueOf<v11.Dialogmelding>(dialog);
  if (message === undefined) return;
  const foresporsel = message.Foresporsel?.[0];
  const notat = message.Notat?.[0];
  if ((message.Foresporsel?.length ?? 0) + (message.Notat?.length ?? 0) !== 1) {
    context.add(
      "error",
      "profile/ekontakt-part",
      dialog.path,
      "expected one Foresporsel or one Notat, found another number",
    );
  }
  let part: Part | undefined;
  if (foresporsel !== undefined) part = checkRequest(context, foresporsel, `${dialog.path}/Foresporsel[1]`);
  if (notat !== undefined) part = checkAnswer(context, notat, `${dialog.path}/Notat[1]`);
  checkConversation(context, part, notat !== undefined);
  checkOthers(context, dialog, part);
}

function checkRequest(context: RuleContext, request: Incomplete<v11.Foresporsel>, path: string): Part | undefined {
  const part = checkCode(context, request.TypeForesp, "7601", requests, `${path}/TypeForesp`);
  const needsText = part === "provider-request";
  if (needsText && (request.EmneSporsmal ?? "").trim() === "") {
    context.add(
      "error",
      "profile/ekontakt-field",
      path,
      "expected EmneSporsmal in a request from a provider, found none",
    );
  }
  if (needsText && isBlank(request.Sporsmal)) {
    context.add("error", "profile/ekontakt-field", path, "expected Sporsmal in a request from a provider, found none");
  }
  checkLength(context, request.EmneSporsmal ?? "", `${path}/EmneSporsmal`, limits.subject);
  checkText(context, request.Sporsmal, `${path}/Sporsmal`, limits.text);
  if (request.RollerRelatertNotat !== undefined) {
    context.add(
      "warning",
      "profile/ekontakt-unused",
      `${path}/RollerRelatertNotat[1]`,
      "expected no RollerRelatertNotat in a request, found one",
    );
  }
  return part;
}

function checkAnswer(context: RuleContext, answer: Incomplete<v11.Notat>, path: string): Part | undefined {
  const part = checkCode(context, answer.TemaKodet, "7602", answers, `${path}/TemaKodet`);
  if ((part === "provider-answer" || part === "citizen-answer") && isBlank(answer.TekstNotatInnhold)) {
    context.add("error", "profile/ekontakt-field", path, "expected TekstNotatInnhold in an answer, found none");
  }
  checkLength(context, answer.Tema ?? "", `${path}/Tema`, limits.subject);
  checkText(context, answer.TekstNotatInnhold, `${path}/TekstNotatInnhold`, limits.text);
  if (answer.Foresporsel !== undefined) {
    context.add(
      "warning",
      "profile/ekontakt-unused",
      `${path}/Foresporsel`,
      "expected no quoted Foresporsel in an answer, found one",
    );
  }
  if (part === "citizen-answer" && answer.RollerRelatertNotat !== undefined) {
    context.add(
      "warning",
      "profile/ekontakt-unused",
      `${path}/RollerRelatertNotat[1]`,
      "expected no RollerRelatertNotat from a citizen, found one",
    );
  }
  return part;
}

/** Other codes of the list are readable, but not what a writer uses here. */
function checkCode(
  context: RuleContext,
  code: { readonly $V?: string | undefined; readonly $S?: string | undefined } | undefined,
  list: "7601" | "7602",
  known: ReadonlyMap<string, Part>,
  path: string,
): Part | undefined {
  // The schema demands the element; its absence is reported there.
  if (code === undefined) return undefined;
  const value = code.$V?.trim() ?? "";
  // The guide prints the OID with a blank in it.
  if ((code.$S ?? "").replace(/\s/g, "") !== codeOid(list)) {
    context.add("warning", "profile/code-list", `${path}/@S`, `expected the code list ${codeOid(list)}, found another`);
  }
  const part = known.get(value);
  if (part === undefined) {
    const listed = codeLists[list].codes.some((c) => c.code === value);
    const found = listed ? `${value}, which E-kontakt does not use` : "a code that the list does not have";
    context.add(
      "warning",
      "profile/ekontakt-code",
      `${path}/@V`,
      `expected one of ${[...known.keys()].join(", ")}, found ${found}`,
    );
  }
  return part;
}

function checkConversation(context: RuleContext, part: Part | undefined, isAnswer: boolean): void {
  if (!isAnswer && part !== "unread-notice") return;
  if (context.head.MsgInfo?.ConversationRef !== undefined) return;
  context.add(
    "error",
    "profile/conversation-ref",
    "/MsgHead/MsgInfo",
    "expected ConversationRef in a message that follows another, found none",
  );
}

/** Documents beside the dialogue. */
function checkOthers(context: RuleContext, dialog: Payload, part: Part | undefined): void {
  for (const payload of context.payloads) {
    if (payload === dialog || payload.name === "Base64Container") continue;
    if (payload.name !== "Pasientrelasjon") {
      context.add(
        "warning",
        "profile/ekontakt-payload",
        payload.path,
        "expected only Pasientrelasjon and attachments beside the dialogue, found another payload",
      );
      continue;
    }
    if (part === "provider-request" || part === "provider-answer") {
      context.add(
        "warning",
        "profile/ekontakt-unused",
        payload.path,
        "expected no Pasientrelasjon from a provider, found one",
      );
    }
    const relation = valueOf<Pasientrelasjon>(payload)?.Relasjon;
    const list = codeLists["7611"];
    if (
      relation !== undefined &&
      !(relation.$S?.trim() === list.oid && list.codes.some((c) => c.code === relation.$V?.trim()))
    ) {
      context.add(
        "warning",
        "profile/relation-code",
        `${payload.path}/Relasjon`,
        `expected a code of the list ${list.oid}, found another`,
      );
    }
  }
}
