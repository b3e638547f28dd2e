import { byCodeUnit, propertyKey, quote } from "@helsekontakt/codegen";
import type { Field, Model } from "./model.ts";
import { type Profile, valueRule } from "./profiles.ts";
import type { DefinitionSource } from "./source.ts";

const hl7 = "http://hl7.org/fhir/StructureDefinition/";

/** True for the definition of an extension: what has its address in an instance is to be as it says. */
export function isExtensionDefinition({ type, definition, root }: Profile): boolean {
  if (type !== "Extension") return false;
  const fixed = valueRule(root.children.get("url")?.element);
  return fixed === undefined ? definition.baseDefinition === `${hl7}Extension` : fixed.value === definition.url;
}

/** Where one extension may stand, as the validators read it. */
interface Place {
  readonly at?: readonly string[];
  readonly within?: readonly string[];
  readonly modifier: boolean;
}

/** `extensions.ts`: the extensions among the profiles, with the places that their definitions give them. */
export function emitExtensions(
  model: Model,
  profiles: readonly Profile[],
  source: DefinitionSource,
  unchecked: (line: string) => void,
  runtime: string,
): string {
  const places = new Map<string, Place>();
  for (const profile of profiles)
    if (isExtensionDefinition(profile))
      places.set(
        profile.definition.url,
        placeOf(profile, model, source, (why) => unchecked(`${profile.name} ${why}`)),
      );
  const told = [...places.values()].some((p) => (p.at?.length ?? 0) > 0);
  const types =
    places.size === 0
      ? ""
      : [...model.types.values()]
          .filter((t) => (told ? !(t.abstract && t.kind === "resource") : t.kind === "resource" && !t.abstract))
          .map((t) => `    ${propertyKey(t.name)}: ${quote(told ? rows(t.fields) : "")},\n`)
          .join("");
  const list = (texts: readonly string[]): string => `[${texts.map(quote).join(", ")}]`;
  const lines = [...places]
    .sort((a, b) => byCodeUnit(a[0], b[0]))
    .map(([url, { at, within, modifier }]) => {
      const parts = [...(at ? [`at: ${list(at)}`] : []), ...(within ? [`within: ${list(within)}`] : [])];
      return `    ${propertyKey(url)}: { ${[...parts, `modifier: ${modifier}`].join(", ")} },\n`;
    })
    .join("");
  return `import type { ExtensionTable } from "${runtime}extensions.ts";

/** Extensions of this build by address. */
export const knownExtensions: ExtensionTable = {
  places: {
${lines}  },
  types: {
${types}  },
};
`;
}

function rows(fields: readonly Field[]): string {
  return fields.flatMap((f) => f.alternatives.map((a) => `${a.json}:${a.type}`)).join(" ");
}

function placeOf(profile: Profile, model: Model, source: DefinitionSource, skip: (why: string) => void): Place {
  const { context = [], contextInvariant = [] } = profile.definition;
  const modifier = profile.root.element?.["isModifier"] === true;
  for (const expression of contextInvariant) skip(`context invariant: not compiled: ${expression}`);
  if (context.length === 0) return { modifier };
  const at = new Set<string>();
  const within = new Set<string>();
  let open = false;
  for (const { type, expression } of context) {
    // Of several contexts one is enough, so one that is not told leaves the place open.
    const why = type === "element" ? elements(expression) : type === "extension" ? extensions(expression) : "FHIRPath";
    if (why === undefined) continue;
    open = true;
    if (why !== "") skip(`context ${type} ${expression}: ${why}, so its place is not checked`);
  }
  if (open) return { modifier };
  return {
    at: [...at].sort(byCodeUnit),
    ...(within.size > 0 ? { within: [...within].sort(byCodeUnit) } : {}),
    modifier,
  };

  /** Adds the places; a text where there are none that can be told, empty where every place will do. */
  function elements(expression: string): string | undefined {
    if (expression === "Element") return "";
    const found = placesOf(expression, model, source);
    if (typeof found === "string") return found;
    for (const path of found) at.add(path);
    return undefined;
  }

  function extensions(expression: string): string | undefined {
    if (!/^[A-Za-z][A-Za-z0-9+.-]*:/.test(expression)) return "no address of an extension";
    if (expression.includes("#")) return "a part of another definition";
    within.add(expression);
    return undefined;
  }
}

/** The types and paths of JSON that the id of an element means: those of its specialisations among them. */
function placesOf(expression: string, model: Model, source: DefinitionSource): readonly string[] | string {
  const [head = "", ...rest] = expression.split(".");
  if (!/^[A-Za-z]+$/.test(head) || /[#:]/.test(expression)) return "no element of R4";
  if (!isBaseType(head, source)) return `no type ${head} in R4`;
  const heads = [...model.types.keys(), ...model.primitives].filter((t) => ancestors(t, model, source).includes(head));
  const out: string[] = [];
  for (const type of heads) {
    let paths: { readonly path: string; readonly type: string }[] = [{ path: type, type }];
    for (const name of rest) {
      const plain = name.endsWith("[x]") ? name.slice(0, -3) : name;
      paths = paths.flatMap((p) =>
        (model.types.get(p.type)?.fields ?? [])
          .filter((f) => f.name === plain || f.alternatives.some((a) => f.choice && a.json === name))
          .flatMap((f) => f.alternatives.filter((a) => f.name === plain || a.json === name))
          .map((a) => ({ path: `${p.path}.${a.json}`, type: a.type })),
      );
    }
    out.push(...paths.map((p) => p.path));
  }
  // Nothing of a type that this build has no resource for can be met; of one that it has, the element must be there.
  return out.length === 0 && heads.length > 0 ? `no element ${expression} in R4` : out;
}

function isBaseType(name: string, source: DefinitionSource): boolean {
  try {
    return source.structure(hl7 + name, "a context").derivation !== "constraint";
  } catch {
    return false;
  }
}

/** A type and those that it is a special kind of. */
function ancestors(type: string, model: Model, source: DefinitionSource): string[] {
  const known = model.types.get(type);
  const base =
    type === "xhtml"
      ? "Element"
      : known
        ? known.base
        : source.structure(hl7 + type, "a context").baseDefinition?.slice(hl7.length);
  return base ? [type, ...ancestors(base, model, source)] : [type];
}
