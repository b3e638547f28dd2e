import type { BoundSet, FhirObject } from "./context.ts";

/** True when a coded value has a code of the set; a value of another kind is none of its business. */
export function isBound(o: unknown, set: BoundSet, inside = false): boolean {
  // A code or an address says no system.
  if (typeof o === "string") {
    for (const codes of set.codes.values()) if (codes.has(o)) return true;
    return false;
  }
  if (typeof o !== "object" || o === null) return true;
  const { coding, system, code } = o as FhirObject;
  // A Coding has no codings: looking one level down is enough, and bounds the depth.
  if (Array.isArray(coding) && !inside) return coding.some((c) => isBound(c, set, true));
  if ("coding" in o || "text" in o) return false;
  return typeof code === "string" && typeof system === "string" && set.codes.get(system)?.has(code) === true;
}
