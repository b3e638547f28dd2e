import type { Node } from "./dom.ts";
import type { Derivation, XsdType } from "./model.ts";

/** What `block` of an element or a complex type refuses; without one, what the schema's `blockDefault` says. */
export function blockOf(
  node: Node,
  schema: Node,
): { readonly substitution: boolean; readonly derivations: Derivation[] } {
  const words = (node.attrs.get("block") ?? schema.attrs.get("blockDefault") ?? "").split(/\s+/);
  const has = (word: string): boolean => words.includes(word) || words.includes("#all");
  return {
    substitution: has("substitution"),
    derivations: (["extension", "restriction"] as const).filter(has),
  };
}

/**
 * Whether a type may not stand for one that it comes from, because a step between them is of a kind that is blocked.
 *
 * @param inherits - types in between add what they block themselves, as a substitution group has it.
 * @see XML Schema 1.0 part 1, 3.4.6 "Type Derivation OK (Complex)" and 3.3.6 "Substitution Group OK (Transitive)"
 */
export function isBlocked(type: XsdType, declared: XsdType, blocked: readonly Derivation[], inherits = false): boolean {
  const refused = new Set(blocked);
  const steps = new Set<Derivation>();
  for (let at: XsdType | undefined = type; at !== undefined && at !== declared; at = at.base) {
    steps.add(at.kind === "complex" ? (at.derivation ?? "restriction") : "restriction");
    if (inherits && at !== type && at.kind === "complex") for (const more of at.block) refused.add(more);
  }
  return [...steps].some((step) => refused.has(step));
}
