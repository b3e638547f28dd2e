import type { Wildcard } from "./model.ts";

type Namespaces = Wildcard["namespaces"];

/**
 * What both of two wildcards for attributes let stand, as an element has it that takes one from each of two groups.
 *
 * @returns undefined where no wildcard can say it.
 * @see XML Schema 1.0 part 1, 3.10.6 "Attribute Wildcard Intersection"
 */
export function intersection(a: Namespaces, b: Namespaces): Namespaces | undefined {
  if (a === "##any") return b;
  if (b === "##any") return a;
  if (!("not" in a) && !("not" in b)) return a.filter((ns) => b.includes(ns));
  if (!("not" in a)) return intersection(b, a);
  if (!("not" in b)) return b.filter((ns) => ns !== a.not && ns !== "");
  if (a.not === b.not || b.not === "") return a;
  return a.not === "" ? b : undefined;
}

/**
 * What either of two wildcards for attributes lets stand, as an extension has it with its base.
 *
 * @returns undefined where no wildcard can say it.
 * @see XML Schema 1.0 part 1, 3.10.6 "Attribute Wildcard Union"
 */
export function union(a: Namespaces, b: Namespaces): Namespaces | undefined {
  if (a === "##any" || b === "##any") return "##any";
  if (!("not" in a) && !("not" in b)) return [...new Set([...a, ...b])];
  if (!("not" in a)) return union(b, a);
  // Everything that has a namespace.
  if ("not" in b) return a.not === b.not ? a : { not: "" };
  const [negated, absent] = [b.includes(a.not), b.includes("")];
  if (a.not === "") return absent ? "##any" : a;
  if (negated && absent) return "##any";
  if (negated) return { not: "" };
  return absent ? undefined : a;
}
