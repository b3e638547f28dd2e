import type { FhirContext, FhirObject } from "./context.ts";
import { statedType } from "./references.ts";

/**
 * Names of the rules in this module: those that the HL7 validator applies and no definition states, by type; generated code calls them after its own checks. The
 * check of contained ids (`fhir/duplicate-id`) stands in the context, where the ids are.
 *
 * Rule ids are these names after `fhir/`.
 *
 * @see https://github.com/hapifhir/org.hl7.fhir.core (validation of instances)
 */
export const ruleNames = [
  "absolute-system",
  "reference-type-mismatch",
  "relative-reference",
  "full-url-absolute",
  "full-url-missing",
  "full-url-id",
] as const;

/** An address with a scheme: `https:`, `urn:`. A local word such as `HNR` is none. */
function isAbsolute(uri: string): boolean {
  if (uri.startsWith("urn:") || uri.startsWith("http")) return uri.includes(":");
  return /^[A-Za-z][A-Za-z0-9+.-]*:/.test(uri);
}

function absoluteSystem(o: FhirObject, c: FhirContext): void {
  if (typeof o.system === "string" && !isAbsolute(o.system))
    c.error("absolute-system", "system", "expected an absolute URI, found another");
}

/** `Identifier.system` is an absolute URI. */
export function identifier(o: FhirObject, c: FhirContext): void {
  absoluteSystem(o, c);
}

/** `Coding.system` is an absolute URI. */
export function coding(o: FhirObject, c: FhirContext): void {
  absoluteSystem(o, c);
}

/** `Reference.type` and the type in `Reference.reference` agree; references inside the document lead somewhere. */
export function reference(o: FhirObject, c: FhirContext): void {
  c.reference(o);
  if (typeof o.type !== "string" || typeof o.reference !== "string") return;
  const inside = c.find(o.reference) as FhirObject | undefined;
  const stated = inside?.resourceType ?? statedType(o.reference, c.options.resourceTypes);
  if (typeof stated === "string" && c.options.resourceTypes.has(o.type) && stated !== o.type)
    c.error("reference-type-mismatch", "type", "expected the type that the reference names, found another");
}

/** `fullUrl` is absolute, and ends in the resource's own type and id where it is a REST address. */
export function bundleEntry(o: FhirObject, c: FhirContext): void {
  const { fullUrl } = o;
  if (typeof fullUrl !== "string") return;
  if (!isAbsolute(fullUrl)) {
    c.error("full-url-absolute", "fullUrl", "expected an absolute address, found another");
    return;
  }
  const { resourceType, id } = (o.resource ?? {}) as FhirObject;
  if (!/^https?:/.test(fullUrl) || typeof resourceType !== "string" || typeof id !== "string") return;
  if (statedType(fullUrl, c.options.resourceTypes) === resourceType && !fullUrl.endsWith(`/${id}`))
    // R4 says so, but examples of its own do not keep it: a warning.
    c.report("warning", "full-url-id", "fullUrl", "expected the resource's own id at the end, found another");
}

/** Entries of a document have a fullUrl each, or references between them could not be resolved. */
export function bundle(o: FhirObject, c: FhirContext): void {
  if (o.type !== "document" && o.type !== "message") return;
  c.each(o, "entry", (entry) => {
    if (entry.resource !== undefined && entry.fullUrl === undefined)
      c.error("full-url-missing", "fullUrl", "expected a fullUrl in each entry of a document or message, found none");
  });
}
