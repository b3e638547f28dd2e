import { GeneratorError } from "@helsekontakt/codegen";
import { FactList, type Facts } from "../fact.ts";

type Json = Readonly<Record<string, unknown>>;

/** What a code list of `specs/codes` states: its codes with their labels; or identifier systems by name. */
export function codesFacts(parsed: unknown, name: string): Facts {
  const list = parsed as Json;
  const facts = new FactList();
  const codes = list["codes"] ?? list["systems"];
  if (!Array.isArray(codes))
    throw new GeneratorError(name, undefined, "no list", 'a code list with "codes" or "systems"');
  facts.add({
    place: "list",
    parent: undefined,
    kind: "code list",
    name: String(list["id"] ?? list["title"]),
    side: "both",
    values: {
      oid: typeof list["oid"] === "string" ? list["oid"] : undefined,
      complete: list["complete"] === false ? false : undefined,
    },
  });
  for (const entry of codes as Json[]) {
    const code = String(entry["code"] ?? entry["name"]);
    facts.add({
      place: `codes/${code}`,
      parent: undefined,
      kind: "code",
      name: code,
      side: "both",
      values: {
        label: typeof entry["label"] === "string" ? entry["label"] : undefined,
        uri: typeof entry["uri"] === "string" ? entry["uri"] : undefined,
      },
    });
  }
  return facts.facts;
}
