import { codeOid } from "@helsekontakt/types/codes";
import type { TjenesteOversikt } from "@helsekontakt/types/tjenesteoversikt";
import { dataChecks } from "../gen/rules/checks.ts";
import { isHerId } from "../identifiers/organisation.ts";
import { oidOf, type Payload, type RuleContext, valueOf } from "./context.ts";
import { runDataChecks } from "./data-check.ts";
import type { FunctionRules } from "./function-rules.ts";
import { checkLength } from "./xhtml.ts";

/** Municipal health and care: the one service area that the guide knows. */
const area = "1";

/** Namespaces that collaboration profiles name, beside the guide's and the schema's. */
const others: readonly string[] = [
  "http://www.ehelse.no/xmlstds/tjenesteoversikt",
  "http://www.helsedirektoratet.no/xmlstds/tjenesteoversikt",
];

/** Whether a payload is a list of services in one of the namespaces that only profiles name. */
export function isInOtherNamespace(payload: Pick<Payload, "ns" | "name">): boolean {
  return payload.name === "TjenesteOversikt" && others.includes(payload.ns);
}

/**
 * The list of services of one citizen.
 *
 * @see HITS 1218:2018, sections 2.2 to 2.4
 */
export function checkTjenesteoversikt(context: RuleContext, rules: FunctionRules): void {
  const payload = context.payloads.find((p) => p.name === "TjenesteOversikt");
  const list = valueOf<TjenesteOversikt>(payload);
  if (payload === undefined || list === undefined) return;
  runDataChecks(context, dataChecks, { on: "TjenesteOversikt", function: context.function }, list, payload.path);
  const other = isInOtherNamespace(payload);
  if (other)
    context.add(
      "profile/tjenesteoversikt-namespace",
      payload.path,
      "expected the namespace of the published schema, http://ehelse.no/xmlstds/tjenesteoversikt, found one that profiles name",
    );
  const today = context.head.MsgInfo?.GenDate?.trim().slice(0, 10) ?? "";
  const seen = new Set<string>();
  (list.Tjeneste ?? []).forEach((service, index) => {
    const path = `${payload.path}/Tjeneste[${index + 1}]`;
    const id = service.TjenesteId;
    if (id !== undefined) {
      const at = `${path}/TjenesteId`;
      checkLength(context, id, at, rules.textLimits["TjenesteId"]);
      if (id.trim() === "" || seen.has(id))
        context.add(
          "profile/tjenesteoversikt-id",
          at,
          "expected an id that is unique in the list, found one used before or none",
        );
      seen.add(id);
    }
    // In the published namespace the schema says it.
    if (other && service.TjenesteOmrade !== undefined)
      context.add(
        "profile/tjenesteoversikt-spelling",
        `${path}/TjenesteOmrade`,
        "expected TjenesteOmråde, found the guide's spelling of it",
      );
    if ((service.TjenesteOmråde ?? service.TjenesteOmrade)?.trim() !== area)
      context.add("profile/tjenesteoversikt-area", path, `expected the service area ${area}, found another`);
    const from = service.FraDato?.trim().slice(0, 10) ?? "";
    const to = service.TilDato?.trim().slice(0, 10);
    if (today !== "" && from > today)
      context.add(
        "profile/tjenesteoversikt-early",
        `${path}/FraDato`,
        "expected a service that has begun, found a later start, which is shown wrongly",
      );
    if (to !== undefined && to < from)
      context.add(
        "profile/tjenesteoversikt-period",
        `${path}/TilDato`,
        "expected an end on or behind the start, found an earlier one",
      );
    else if (to !== undefined && today !== "" && to < today)
      context.add(
        "profile/tjenesteoversikt-late",
        `${path}/TilDato`,
        "expected a service up to its last day, found one that has ended",
      );
    const her = service.HERId;
    if (her === undefined) return;
    if (!isHerId(her.Id?.trim() ?? ""))
      context.add("profile/her-id", `${path}/HERId/Id`, "expected a HER-id, a plain number, found other text");
    if (oidOf(her.TypeId?.$S) !== codeOid("9051"))
      context.add(
        "profile/her-id-list",
        `${path}/HERId/TypeId/@S`,
        `expected the code list ${codeOid("9051")}, found another`,
      );
  });
}
