import { codeLists } from "@helsekontakt/types/codes";
import type { RuleContext } from "./context.ts";

/** Lists that are known in full, by OID. */
const lists: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.values(codeLists)
    .filter((list) => list.complete)
    .map((list) => [list.oid as string, new Set<string>(list.codes.map((c) => c.code))] as const),
);

/**
 * Every coded value of a document, wherever it stands, has a code of the list that it names. What rules of their own judge
 * more closely (TypeForesp, TemaKodet) is left to them.
 *
 * @param path - of the value.
 */
export function checkCodes(context: Pick<RuleContext, "add">, value: unknown, path: string): void {
  if (typeof value !== "object" || value === null) return;
  const { $V: code, $S: list } = value as { readonly $V?: unknown; readonly $S?: unknown };
  if (typeof code === "string" && typeof list === "string") {
    const codes = lists.get(list.replace(/\s/g, ""));
    if (codes !== undefined && !codes.has(code.trim()) && !/\/(?:TypeForesp|TemaKodet|Relasjon)$/.test(path))
      context.add("profile/code-value", `${path}/@V`, "expected a code of the list that S names, found another");
    return;
  }
  for (const [name, child] of Object.entries(value)) {
    // Payloads follow one by one, under their own names.
    if (name.startsWith("$") || typeof child !== "object" || child === null) continue;
    const here = `${path}/${name}`;
    if (Array.isArray(child)) child.forEach((item, i) => checkCodes(context, item, `${here}[${i + 1}]`));
    else checkCodes(context, child, here);
  }
}
