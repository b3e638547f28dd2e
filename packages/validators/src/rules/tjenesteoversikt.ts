import { type Code9051, codeOid } from "@helsekontakt/types/codes";
import type { TjenesteOversikt } from "@helsekontakt/types/tjenesteoversikt";
import { isHerId } from "../identifiers/organisation.ts";
import { lengthOf, type RuleContext, valueOf } from "./context.ts";

/** Municipal health and care: the one service area that the guide knows. */
const area = "1";
const maxId = 30;
const herId: Code9051 = "HER";

/**
 * The list of services of one citizen.
 *
 * @see HITS 1218:2018, sections 2.2 to 2.4
 */
export function checkTjenesteoversikt(context: RuleContext): void {
  const lists = context.payloads.filter((p) => p.name === "TjenesteOversikt");
  const payload = lists[0];
  if (payload === undefined || context.payloads.length !== 1) {
    context.add(
      "error",
      "profile/tjenesteoversikt-payload",
      "/MsgHead",
      "expected one Document with a TjenesteOversikt, found another set of payloads",
    );
  }
  if (context.head.MsgInfo?.ConversationRef !== undefined) {
    context.add(
      "warning",
      "profile/conversation-ref",
      "/MsgHead/MsgInfo/ConversationRef",
      "expected no ConversationRef in this process, found one",
    );
  }
  const today = context.head.MsgInfo?.GenDate?.slice(0, 10) ?? "";
  const seen = new Set<string>();
  (valueOf<TjenesteOversikt>(payload)?.Tjeneste ?? []).forEach((service, index) => {
    const path = `${payload?.path}/Tjeneste[${index + 1}]`;
    const warn = (name: string, message: string) =>
      context.add("warning", "profile/tjenesteoversikt-service", `${path}/${name}`, message);
    const id = service.TjenesteId;
    if (id !== undefined) {
      if (lengthOf(id) > maxId) warn("TjenesteId", `expected at most ${maxId} characters, found more`);
      if (seen.has(id)) warn("TjenesteId", "expected an id that is unique in the list, found one used before");
      seen.add(id);
    }
    if ((service.TjenesteOmråde ?? service.TjenesteOmrade)?.trim() !== area) {
      context.add("error", "profile/tjenesteoversikt-area", path, `expected the service area ${area}, found another`);
    }
    const from = service.FraDato ?? "";
    if (today !== "" && from.slice(0, 10) > today)
      warn("FraDato", "expected a service that has begun, found a later start, which is shown wrongly");
    if (service.TilDato !== undefined && service.TilDato.slice(0, 10) < from.slice(0, 10))
      warn("TilDato", "expected an end on or behind the start, found an earlier one");
    if (service.RelaterteRoller !== undefined)
      warn("RelaterteRoller[1]", "expected no RelaterteRoller, which Helsenorge does not support, found one");
    const her = service.HERId;
    if (her === undefined) return;
    if (!isHerId(her.Id?.trim() ?? "")) {
      context.add("error", "profile/her-id", `${path}/HERId/Id`, "expected a HER-id, a plain number, found other text");
    }
    if (her.TypeId?.$V?.trim() !== herId) {
      context.add(
        "warning",
        "profile/her-id-type",
        `${path}/HERId/TypeId/@V`,
        `expected the identifier type ${herId}, found another`,
      );
    }
    if (her.TypeId?.$S?.trim() !== codeOid("9051")) {
      context.add(
        "warning",
        "profile/her-id-list",
        `${path}/HERId/TypeId/@S`,
        `expected the code list ${codeOid("9051")}, found another`,
      );
    }
  });
}
