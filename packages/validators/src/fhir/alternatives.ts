import type { FhirContext, FhirObject, ProfileRule } from "./context.ts";
import type { FastContext, FastProfile } from "./fast.ts";
import { verdict } from "./verdicts.ts";

// Profiles of which one is enough: several of one element, and those that the target of a reference may have.

/** A resource type, a profile with its rules, or both; nothing at all for what needs neither. */
export type Option = readonly [type?: string | undefined, check?: ProfileRule["check"]];

/** {@link Option} for the checks that only answer, which ask the explaining side by the profile's address about warnings. */
export type FastOption = readonly [type?: string | undefined, check?: FastProfile["check"], url?: string];

function isOfType(o: unknown, type: string | undefined): boolean {
  return type === undefined || (typeof o === "object" && o !== null && (o as FhirObject)["resourceType"] === type);
}

/** One of the profiles of an element holds, warnings apart. */
export function oneOf(o: unknown, c: FhirContext, options: readonly Option[]): void {
  const isGood = options.some(([type, check]) => isOfType(o, type) && (!check || c.conforms(o, [], check)));
  if (!isGood)
    c.error("type-profile", undefined, "expected one of the element's profiles to hold, found none that does");
}

/** {@link oneOf}, that only answers. */
export function isOneOf(o: FhirObject, c: FastContext, options: readonly FastOption[]): boolean {
  return options.some(
    ([type, check, url = ""]) => isOfType(o, type) && (!check || c.as(o, check) || c.conforms(o, [], url)),
  );
}

/** What a reference leads to inside the document. */
function targetOf({ reference }: FhirObject, c: { find(reference: string): unknown }): FhirObject | undefined {
  const found = typeof reference === "string" ? c.find(reference) : undefined;
  return typeof found === "object" && found !== null ? (found as FhirObject) : undefined;
}

/** What a reference leads to inside the document has one of the profiles for its type, warnings apart. */
export function target(o: FhirObject, c: FhirContext, options: readonly Option[]): void {
  const found = targetOf(o, c);
  const own = options.filter(([type]) => isOfType(found, type));
  // Of another type: the rule about the types says so.
  if (found === undefined || own.length === 0) return;
  const isGood = own.some(([, check]) => !check || c.conforms(found, [], check));
  if (!isGood)
    c.error("target-profile", "reference", "expected a target that has one of the profiles, found one that has none");
}

/** {@link target}, that only answers. */
export function isTarget(o: FhirObject, c: FastContext, options: readonly FastOption[]): boolean {
  const found = targetOf(o, c);
  const own = options.filter(([type]) => isOfType(found, type));
  if (found === undefined || own.length === 0) return true;
  return own.some(
    ([, check, url = ""]) =>
      !check || verdict(c, found, check, () => c.asTarget(found, check) || c.conforms(found, [], url)),
  );
}
