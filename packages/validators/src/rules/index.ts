import type { Issue } from "@helsekontakt/core";
import { type Code8279, codeLists } from "@helsekontakt/types/codes";
import type { MsgHead } from "@helsekontakt/types/msghead";
import { createRuleContext, type Incomplete } from "./context.ts";
import { checkDocuments } from "./documents.ts";
import { checkEkontakt } from "./ekontakt.ts";
import { checkHeader } from "./header.ts";
import { checkFhirPayloads, checkNotifikasjon } from "./notifikasjon.ts";
import { checkTjenesteoversikt } from "./tjenesteoversikt.ts";

/** Functions whose processes are synchronous, or receipts and faults: they have no Ack and no patient rules. */
const exempt: readonly Code8279[] = ["DIALOG_INNBYGGER_TEST", "APPREC", "AMQP_SOAP_FAULT"];

/**
 * Runs Helsenorge's own rules on a message that the schema allows. Messages of other functions are checked for their
 * FHIR content only: the rules are not theirs.
 *
 * @returns issues without lines; paths count from 1.
 */
export function checkMessageRules(head: Incomplete<MsgHead>): Issue[] {
  const issues: Issue[] = [];
  const context = createRuleContext(head, issues);
  const name = head.MsgInfo?.Type?.$V?.trim() ?? "";
  const known = codeLists["8279"].codes.some((c) => c.code === name) && !exempt.includes(name as Code8279);
  if (known) {
    checkHeader(context);
    checkDocuments(context);
  }
  switch (name as Code8279) {
    case "DIALOG_INNBYGGER_EKONTAKT":
      checkEkontakt(context);
      break;
    case "DIALOG_INNBYGGER_TJENESTEOVERSIKT":
      checkTjenesteoversikt(context);
      break;
    case "NOTIFIKASJON_INNBYGGER_HELSEKONTAKT":
      checkNotifikasjon(context, issues);
      return issues;
    default:
      break;
  }
  checkFhirPayloads(context, issues, undefined);
  return issues;
}
