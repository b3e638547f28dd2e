import type { XmlElement } from "./tree.ts";

export interface InfosetOptions {
  /** Drop white space between elements where no other text stands; default true. */
  readonly ignoreLayout?: boolean;
}

/**
 * One text per infoset: two documents give the same string exactly when elements, attributes (in any order),
 * namespaces, order and text agree. Prefixes, comments and, by default, white space between elements do not count.
 * Prefixed names in `xsi:type` are compared by namespace.
 */
export function canonicalInfoset(element: XmlElement, options: InfosetOptions = {}): string {
  const out: string[] = [];
  write(element, options.ignoreLayout !== false, [], out);
  return out.join("\n");
}

type Scope = readonly Readonly<Record<string, string>>[];

function write(element: XmlElement, ignoreLayout: boolean, outer: Scope, out: string[]): void {
  const scope = element.namespaces === undefined ? outer : [element.namespaces, ...outer];
  out.push(`<{${element.ns}}${element.name}`);
  const attributes = element.attributes.map((a) => {
    const type = a.name === "type" && a.ns.endsWith("XMLSchema-instance");
    return `@{${a.ns}}${a.name}=${JSON.stringify(type ? expand(a.value, scope) : a.value)}`;
  });
  out.push(...attributes.sort());
  const hasElements = element.content.some((c) => typeof c !== "string");
  const hasText = element.content.some((c) => typeof c === "string" && c.trim() !== "");
  for (const item of element.content) {
    if (typeof item !== "string") write(item, ignoreLayout, scope, out);
    else if (item !== "" && !(ignoreLayout && hasElements && !hasText)) out.push(JSON.stringify(item));
  }
  out.push(">");
}

function expand(value: string, scope: Scope): string {
  const [prefix, local] = value.includes(":") ? value.trim().split(":", 2) : ["", value.trim()];
  const ns = scope.find((s) => Object.hasOwn(s, prefix ?? ""))?.[prefix ?? ""] ?? "";
  return `{${ns}}${local}`;
}
