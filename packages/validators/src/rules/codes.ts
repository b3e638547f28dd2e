import { codeLists } from "@helsekontakt/types/codes";
import { oidOf, type RuleContext } from "./context.ts";

/** Lists that are known in full, by OID. */
const lists: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.values(codeLists)
    .filter((list) => list.complete)
    .map((list) => [list.oid as string, new Set<string>(list.codes.map((c) => c.code))] as const),
);

/** Coded values with rules of their own. */
const own: ReadonlySet<string> = new Set(["TypeForesp", "TemaKodet", "Relasjon"]);

/**
 * Every coded value of a document, wherever it stands, has a code of the list that it names. What rules of their own judge
 * more closely (TypeForesp, TemaKodet) is left to them.
 *
 * @param path - of the value.
 */
export function checkCodes(context: Pick<RuleContext, "add">, value: unknown, path: string): void {
  walk(context, value, path, []);
}

/** Steps are kept as they are: most messages have nothing to say about, and need no path. */
function walk(context: Pick<RuleContext, "add">, value: unknown, root: string, steps: (string | number)[]): void {
  if (typeof value !== "object" || value === null) return;
  const { $V: code, $S: list } = value as { readonly $V?: unknown; readonly $S?: unknown };
  if (typeof code === "string" && typeof list === "string") {
    const codes = lists.get(list) ?? lists.get(oidOf(list));
    if (codes === undefined || codes.has(code.trim()) || own.has(String(steps.at(-1)))) return;
    const path = steps.map((s) => (typeof s === "number" ? `[${s + 1}]` : `/${s}`)).join("");
    context.add("profile/code-value", `${root}${path}/@V`, "expected a code of the list that S names, found another");
    return;
  }
  for (const name in value) {
    const child = (value as Readonly<Record<string, unknown>>)[name];
    // Payloads follow one by one, under their own names.
    if (typeof child !== "object" || child === null || name.startsWith("$")) continue;
    steps.push(name);
    if (Array.isArray(child)) {
      for (let i = 0; i < child.length; i++) {
        steps.push(i);
        walk(context, child[i], root, steps);
        steps.pop();
      }
    } else walk(context, child, root, steps);
    steps.pop();
  }
}
