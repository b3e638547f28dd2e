import type { Pasientrelasjon } from "@helsekontakt/types/pasientrelasjon";
import { dataChecks } from "../gen/rules/checks.ts";
import { type RuleContext, valueOf } from "./context.ts";
import { runDataChecks } from "./data-check.ts";
import type { DialogPart, FunctionRules, PayloadRule } from "./function-rules.ts";
import { isFromHelsenorge } from "./parties.ts";
import { isInOtherNamespace } from "./tjenesteoversikt.ts";

/**
 * Which payloads a function has, and how many: what the sending side may send where it is known, else what either side may.
 *
 * @param part - of a dialogue, which tells the side by its code.
 */
export function checkPayloads(context: RuleContext, rules: FunctionRules, part: DialogPart | undefined): void {
  const { provider = [], helsenorge = [] } = rules.payloads;
  const byAddress = isFromHelsenorge(context);
  const side = part?.party ?? (byAddress === undefined ? undefined : byAddress ? "helsenorge" : "provider");
  const own = side === undefined ? [] : side === "provider" ? provider : helsenorge;
  const stated = own.length > 0 ? own : [...helsenorge, ...provider];
  const counts = new Map<PayloadRule, number>();
  for (const payload of context.payloads) {
    const rule = stated.find(
      (r) =>
        (r.element === undefined || r.element === payload.name) &&
        (r.namespaces.includes(payload.ns) || (r.element === payload.name && isInOtherNamespace(payload))),
    );
    if (rule === undefined) {
      // A Dialogmelding of another version is told as not standing first.
      if (payload.name === "Dialogmelding" && stated.some((r) => r.element === "Dialogmelding")) continue;
      context.add(
        "profile/payload-unexpected",
        payload.path,
        "expected a payload of this function and side, found another",
      );
      continue;
    }
    const count = (counts.get(rule) ?? 0) + 1;
    counts.set(rule, count);
    if (rule.max !== undefined && count === rule.max + 1) {
      const name = rule.element ?? "payload of this kind";
      context.add("profile/payload-repeated", payload.path, `expected at most ${rule.max} ${name}, found more`);
    }
  }
  for (const rule of own.length > 0 ? own : unique(stated)) {
    // The first Document has a rule of its own for it.
    if (rule.element === "Dialogmelding") continue;
    if ((counts.get(rule) ?? 0) >= rule.min) continue;
    const name = rule.element === undefined ? `an element of ${rule.namespaces.join(" or ")}` : `a ${rule.element}`;
    context.add("profile/payload-missing", "/MsgHead", `expected ${name}, found none`);
  }
}

/** One rule for each element: both sides may have the same one. */
function unique(stated: readonly PayloadRule[]): readonly PayloadRule[] {
  return stated.filter((r, i) => stated.findIndex((other) => other.element === r.element) === i);
}

/** Who acts for the patient. */
export function checkRelations(context: RuleContext): void {
  const patient = context.head.MsgInfo?.Patient?.Ident?.map((i) => i.Id?.trim());
  for (const payload of context.payloads) {
    if (payload.name !== "Pasientrelasjon") continue;
    const relation = valueOf<Pasientrelasjon>(payload);
    if (relation === undefined) continue;
    const scope = { on: "Pasientrelasjon", function: context.function };
    runDataChecks(context, dataChecks, scope, relation, payload.path);
    (relation.Person ?? []).forEach((person, i) => {
      const same = (person.Ident ?? []).some((ident) => ident.Id !== undefined && patient?.includes(ident.Id.trim()));
      if (!same) return;
      context.add(
        "profile/relation-self",
        `${payload.path}/Person[${i + 1}]`,
        "expected another person than the patient, found the patient",
      );
    });
  }
}
