import type { FhirContext, FhirObject } from "./context.ts";
import { oidForm, uuidPattern } from "./primitives.ts";
import { isUrn, statedType, typeMismatch } from "./references.ts";

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
  "extension-url",
  "reference-type-mismatch",
  "relative-reference",
  "full-url-absolute",
  "full-url-missing",
  "full-url-id",
  "full-url-urn",
] as const;

const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/;

/** An address with a scheme: `https:`, `urn:`. A local word such as `HNR` is none. */
export function isAbsolute(uri: string): boolean {
  // The common one without the pattern.
  return isUrn(uri) || scheme.test(uri);
}

// Turned around: a match is kept by the engine, which costs more than finding none.
const noUuidUrn = new RegExp(`^(?!urn:uuid:${uuidPattern}$)`);

/** True for `urn:uuid:` and a UUID, whose digits may be capitals. */
export function isUuidUrn(x: unknown): boolean {
  return typeof x === "string" && x.length === 45 && !noUuidUrn.test(x);
}

/** False for a `urn:uuid:` without UUID, and a `urn:oid:` without OID; the digits of a UUID may be capitals. */
export function isGoodUrn(urn: string): boolean {
  if (isUuidUrn(urn)) return true;
  return !urn.startsWith("uuid:", 4) && (!urn.startsWith("oid:", 4) || oidForm(urn) === 0);
}

const core = "http://hl7.org/fhir/StructureDefinition/";

/** True for the address of R4's own definition of the type, or of what it is built on: the base rules have checked it. */
export function isBaseDefinition(url: string, type: string): boolean {
  if (!url.startsWith(core)) return false;
  const name = url.slice(core.length);
  return name === type || name === "DomainResource" || name === "Resource";
}

function absoluteSystem(o: FhirObject, c: FhirContext): void {
  if (typeof o["system"] === "string" && !isAbsolute(o["system"]))
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

/**
 * `Extension.url` is the address of the extension's definition; a part of an extension has a name that its definition gives.
 *
 * @see FHIR R4, Extension.url
 */
export function extension(o: FhirObject, c: FhirContext): void {
  if (typeof o["url"] === "string" && !isAbsolute(o["url"]) && !c.isInExtension())
    c.error("extension-url", "url", "expected an absolute URI outside of other extensions, found another");
  c.knownExtension(o);
}

/** How many of an extension's own extensions have an address that is not absolute. */
export function relativeIn(list: unknown): number {
  let n = 0;
  for (const { url } of list as readonly FhirObject[]) if (typeof url === "string" && !isAbsolute(url)) n++;
  return n;
}

/** `Reference.type` and the type in `Reference.reference` agree; references inside the document lead somewhere. */
export function reference(o: FhirObject, c: FhirContext): void {
  c.reference(o);
  const { type, reference: literal } = o;
  if (typeof type !== "string" || typeof literal !== "string") return;
  if (typeMismatch(literal, type, c, c.options.resourceTypes))
    c.error("reference-type-mismatch", "type", "expected the type that the reference names, found another");
}

/** Which rule of an entry's `fullUrl` is broken: it is absolute, and ends in the resource's own id where it is a REST address. */
export function entryFaults(
  o: FhirObject,
  resourceTypes: ReadonlySet<string>,
): "full-url-absolute" | "full-url-id" | "full-url-urn" | undefined {
  const { fullUrl } = o;
  if (typeof fullUrl !== "string") return undefined;
  if (isUrn(fullUrl)) return isGoodUrn(fullUrl) ? undefined : "full-url-urn";
  if (!isAbsolute(fullUrl)) return "full-url-absolute";
  if (!fullUrl.startsWith("http:") && !fullUrl.startsWith("https:")) return undefined;
  const { resourceType, id } = (o["resource"] ?? {}) as FhirObject;
  if (typeof resourceType !== "string" || typeof id !== "string") return undefined;
  return statedType(fullUrl, resourceTypes) === resourceType && !fullUrl.endsWith(`/${id}`) ? "full-url-id" : undefined;
}

/** `fullUrl` is absolute, and ends in the resource's own type and id where it is a REST address. */
export function bundleEntry(o: FhirObject, c: FhirContext): void {
  const fault = entryFaults(o, c.options.resourceTypes);
  if (fault === "full-url-absolute") c.error(fault, "fullUrl", "expected an absolute address, found another");
  else if (fault === "full-url-id")
    // R4 says so, but examples of its own do not keep it: a warning.
    c.report("warning", fault, "fullUrl", "expected the resource's own id at the end, found another");
  else if (fault === "full-url-urn")
    // fullUrl is a uri to R4, which has no form of its own: a warning.
    c.report("warning", fault, "fullUrl", "expected a UUID or OID of its form behind urn:, found another");
}

function isWithoutFullUrl(entry: unknown): boolean {
  if (typeof entry !== "object" || entry === null) return false;
  const { resource, fullUrl } = entry as FhirObject;
  return resource !== undefined && fullUrl === undefined;
}

function needsFullUrls(o: FhirObject): boolean {
  return o["type"] === "document" || o["type"] === "message";
}

/** True when an entry of a document or message has no fullUrl. */
export function withoutFullUrl(o: FhirObject): boolean {
  return needsFullUrls(o) && Array.isArray(o["entry"]) && o["entry"].some(isWithoutFullUrl);
}

/** Entries of a document have a fullUrl each, or references between them could not be resolved. */
export function bundle(o: FhirObject, c: FhirContext): void {
  if (!needsFullUrls(o)) return;
  c.each(o, "entry", (entry) => {
    if (isWithoutFullUrl(entry))
      c.error("full-url-missing", "fullUrl", "expected a fullUrl in each entry of a document or message, found none");
  });
}
