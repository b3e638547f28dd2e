import type { Issue } from "@helsekontakt/core";
import type { MsgHead } from "@helsekontakt/types/msghead";
import { functionRules } from "../gen/rules/functions.ts";
import { checkCodes } from "./codes.ts";
import { createRuleContext, type Incomplete, type MessageSurroundings, type RuleContext } from "./context.ts";
import { checkDialog } from "./dialog.ts";
import { checkDocuments } from "./documents.ts";
import { checkHeader } from "./header.ts";
import { checkFhirPayloads, checkNotifikasjon } from "./notifikasjon.ts";
import { herIdsOf } from "./parties.ts";
import { checkPayloads, checkRelations } from "./payloads.ts";
import { checkTjenesteoversikt } from "./tjenesteoversikt.ts";

export type { MessageSurroundings } from "./context.ts";

/** Functions of Helsenorge that are judged by schema alone: synchronous ones. */
const silent: ReadonlySet<string> = new Set(["DIALOG_INNBYGGER_TEST"]);

/**
 * Runs Helsenorge's own rules on a message that the schema allows. Messages of other functions are checked for their
 * FHIR content only: the rules are not theirs.
 *
 * @returns issues without lines; paths count from 1.
 */
export function checkMessageRules(head: Incomplete<MsgHead>, surroundings: MessageSurroundings = {}): Issue[] {
  const issues: Issue[] = [];
  const context = createRuleContext(head, issues, surroundings);
  checkEnvelope(context);
  const rules = Object.hasOwn(functionRules, context.function) ? functionRules[context.function] : undefined;
  if (rules === undefined) {
    if (/^(?:DIALOG|NOTIFIKASJON)_INNBYGGER_/.test(context.function) && !silent.has(context.function))
      context.add(
        "profile/type-unknown",
        "/MsgHead/MsgInfo/Type/@V",
        "expected a function of Helsenorge that this build knows, found another",
      );
    checkFhirPayloads(context, issues, undefined);
    return issues;
  }
  checkHeader(context);
  checkDocuments(context);
  checkCodes(context, head, "/MsgHead");
  for (const payload of context.payloads) checkCodes(context, payload.item.value, payload.path);
  checkPayloads(context, rules, checkDialog(context, rules));
  checkRelations(context);
  if (context.function === "DIALOG_INNBYGGER_TJENESTEOVERSIKT") checkTjenesteoversikt(context, rules);
  if (context.function === "NOTIFIKASJON_INNBYGGER_HELSEKONTAKT") checkNotifikasjon(context, issues);
  else checkFhirPayloads(context, issues, undefined);
  return issues;
}

/** What carried the message says the same as its head. */
function checkEnvelope(context: RuleContext): void {
  const { envelope } = context.surroundings;
  if (envelope === undefined) return;
  const info = context.head.MsgInfo;
  const differs = (stated: string | number | undefined, own: string | undefined): boolean =>
    stated !== undefined && own !== undefined && String(stated).trim() !== own;
  if (differs(envelope.fromHerId, herIdsOf(info?.Sender?.Organisation).level2))
    context.add(
      "profile/envelope-sender",
      "/MsgHead/MsgInfo/Sender/Organisation",
      "expected the HER-id that fromHerId has, found another",
    );
  if (differs(envelope.toHerId, herIdsOf(info?.Receiver?.Organisation).level2))
    context.add(
      "profile/envelope-receiver",
      "/MsgHead/MsgInfo/Receiver/Organisation",
      "expected the HER-id that toHerId has, found another",
    );
  if (differs(envelope.messageFunction, context.function))
    context.add(
      "profile/envelope-function",
      "/MsgHead/MsgInfo/Type/@V",
      "expected the function that the AMQP subject has, found another",
    );
}
