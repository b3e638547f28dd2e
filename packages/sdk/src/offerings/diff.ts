import type { Bundle, BundleEntry, FhirResource } from "@helsekontakt/types/fhir";
import type { OfferingChange } from "./types.ts";

/** What differs between the Bundle that was sent last and the one at hand. */
export function diffBundles(organisation: string, before: Bundle | undefined, now: Bundle): OfferingChange[] {
  const changes: OfferingChange[] = [];
  const old = groups(before);
  const fresh = groups(now);
  for (const [id, resources] of fresh) {
    const known = old.get(id);
    const about = { organisation, ...(id === "" ? {} : { id }) };
    if (known === undefined) changes.push({ ...about, kind: "new", paths: [] });
    else {
      const paths = [...new Set(pathsOf(known, resources))];
      const withdrawn = isActive(known) && !isActive(resources);
      if (paths.length > 0) changes.push({ ...about, kind: withdrawn ? "withdrawn" : "changed", paths });
    }
  }
  for (const id of old.keys())
    if (!fresh.has(id)) changes.push({ organisation, ...(id === "" ? {} : { id }), kind: "withdrawn", paths: [] });
  return changes;
}

/** Resources by the offering that they belong to; those of the organisation under the empty name. */
function groups(bundle: Bundle | undefined): Map<string, FhirResource[]> {
  const found = new Map<string, FhirResource[]>();
  let id = "";
  for (const { fullUrl, resource } of (bundle?.entry ?? []) as readonly BundleEntry[]) {
    if (resource === undefined) continue;
    // Places follow their offering.
    if (resource.resourceType === "HealthcareService") id = (fullUrl ?? "").replace(/^urn:uuid:/, "");
    const group = found.get(id);
    if (group === undefined) found.set(id, [resource]);
    else group.push(resource);
  }
  return found;
}

function isActive(resources: readonly FhirResource[]): boolean {
  return resources.every((r) => r.resourceType !== "HealthcareService" || r.active !== false);
}

function pathsOf(before: readonly FhirResource[], now: readonly FhirResource[]): string[] {
  const paths: string[] = [];
  const several = new Map<string, number>();
  for (let n = 0; n < Math.max(before.length, now.length); n++) {
    const [a, b] = [before[n], now[n]];
    const type = (b ?? a)?.resourceType ?? "";
    const place = several.get(type) ?? 0;
    several.set(type, place + 1);
    compare(a, b, place === 0 ? type : `${type}[${place}]`, paths);
  }
  return paths;
}

function compare(a: unknown, b: unknown, path: string, paths: string[]): void {
  if (a === b) return;
  const bothLists = Array.isArray(a) && Array.isArray(b);
  const bothObjects = isObject(a) && isObject(b) && !Array.isArray(a) && !Array.isArray(b);
  if (bothLists) for (let n = 0; n < Math.max(a.length, b.length); n++) compare(a[n], b[n], `${path}[${n}]`, paths);
  else if (bothObjects)
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) compare(a[key], b[key], `${path}.${key}`, paths);
  else paths.push(path);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
