import type { FhirObject } from "./context.ts";
import type { FastContext, FastProfile } from "./fast.ts";
import { placeOf } from "./places.ts";

// Extensions that the build has a definition of: their content is checked wherever they stand, and so is the place itself.

/** What the definition of an extension says about where it may stand. */
export interface ExtensionPlace {
  /** Types, and paths below types by the names in JSON: one is enough. Nothing is said where it is absent. */
  readonly at?: readonly string[];
  /** Addresses of extensions that it may stand inside, beside the places of `at`. */
  readonly within?: readonly string[];
  /** True for one that stands among the `modifierExtension`s, and nowhere else. */
  readonly modifier: boolean;
}

/** The extensions of a build by address, and what is needed to tell a place. */
export interface ExtensionTable {
  readonly places: Readonly<Record<string, ExtensionPlace>>;
  /** The properties of each type as `name:type`, blanks between them; of resource types alone where no place is told by type. */
  readonly types: Readonly<Record<string, string>>;
}

/** Lengths from here on are not told apart. */
const longest = 255;

/** Checks of extensions by address. Most addresses are of another length than all of these, and need no search. */
export class ExtensionChecks {
  readonly #lengths = new Uint8Array(longest + 1);
  readonly #checks = new Map<string, FastProfile["check"]>();

  constructor(table: ExtensionTable | undefined, profiles: Readonly<Record<string, FastProfile>>) {
    for (const url of Object.keys(table?.places ?? {})) {
      const check = profiles[url]?.check;
      if (check === undefined) continue;
      this.#checks.set(url, check);
      this.#lengths[Math.min(url.length, longest)] = 1;
    }
  }

  find(url: string): FastProfile["check"] | undefined {
    return this.#lengths[Math.min(url.length, longest)] === 1 ? this.#checks.get(url) : undefined;
  }
}

/** The definition of an extension holds, where the build has one. */
export function extension(o: FhirObject, c: FastContext, url: unknown): boolean {
  const check = c.options.extensions.find(url as string);
  if (check === undefined) return true;
  c.sawKnownExtension = true;
  return c.as(o, check);
}

/** An extension that stands where its definition does not have it. */
export interface Misplaced {
  /** Path below the outermost resource. */
  readonly path: string;
  readonly fault: "extension-context" | "extension-modifier";
}

/** As deep as validators read. */
const maxDepth = 200;

/** A step on the way to an element: the type that has the property, and its name. */
interface Step {
  readonly type: string;
  readonly name: string;
  readonly up: Step | undefined;
}

const tables = new WeakMap<ExtensionTable, ReadonlyMap<string, ReadonlyMap<string, string>>>();

/** Properties of each type, read once from their short form. */
function typesOf(table: ExtensionTable): ReadonlyMap<string, ReadonlyMap<string, string>> {
  let types = tables.get(table);
  if (types === undefined) {
    const rowOf = (row: string): [string, string] => {
      const colon = row.indexOf(":");
      return [row.slice(0, colon), row.slice(colon + 1)];
    };
    types = new Map(
      Object.entries(table.types).map(([type, rows]) => [type, new Map(rows.split(" ").map((row) => rowOf(row)))]),
    );
    tables.set(table, types);
  }
  return types;
}

/** The known extensions in a resource that stand where they may not. What is in resources of other types is not looked at. */
export function misplaced(root: unknown, table: ExtensionTable): Misplaced[] {
  const types = typesOf(table);
  const path: (string | number)[] = [];
  const out: Misplaced[] = [];
  resource(root as FhirObject, 0);
  return out;

  function resource(o: FhirObject, depth: number): void {
    const type = o["resourceType"] as string;
    if (types.has(type)) object(o, type, undefined, depth);
  }

  function object(o: FhirObject, type: string, step: Step | undefined, depth: number): void {
    if (depth > maxDepth) return;
    const properties = types.get(type);
    for (const [key, value] of Object.entries(o)) {
      if (typeof value !== "object" || value === null) continue;
      const name = key.startsWith("_") ? key.slice(1) : key;
      const below: Step = { type, name, up: step };
      const isExtensions = name === "extension" || name === "modifierExtension";
      // The table has no primitives, which have extensions as every element.
      const of = isExtensions ? "Extension" : (properties?.get(name) ?? "");
      path.push(key);
      if (!Array.isArray(value)) item(value as FhirObject, of, below, depth + 1);
      else
        for (const [i, x] of (value as unknown[]).entries()) {
          if (typeof x !== "object" || x === null) continue;
          path.push(i);
          if (isExtensions) look(x as FhirObject, o, type, step, name);
          item(x as FhirObject, of, below, depth + 1);
          path.pop();
        }
      path.pop();
    }
  }

  function item(o: FhirObject, type: string, step: Step, depth: number): void {
    if (typeof o["resourceType"] === "string") resource(o, depth);
    else object(o, type, step, depth);
  }

  function look(x: FhirObject, owner: FhirObject, type: string, step: Step | undefined, name: string): void {
    const { url } = x;
    const place = typeof url === "string" && Object.hasOwn(table.places, url) ? table.places[url] : undefined;
    if (place === undefined) return;
    if ((name === "modifierExtension") !== place.modifier)
      out.push({ path: placeOf(path), fault: "extension-modifier" });
    const { at, within = [] } = place;
    if (at === undefined || (typeof owner["url"] === "string" && isIn(within, owner["url"], step))) return;
    if (!pathsTo(type, step).some((p) => at.includes(p))) out.push({ path: placeOf(path), fault: "extension-context" });
  }
}

/** True for an address of an extension that stands at the step. */
function isIn(within: readonly string[], url: string, step: Step | undefined): boolean {
  return (step?.name === "extension" || step?.name === "modifierExtension") && within.includes(url);
}

/** Every name of an element: its type, and its path below each type around it, up to the resource. */
function pathsTo(type: string, step: Step | undefined): string[] {
  const out = [type];
  let path = "";
  for (let at = step; at !== undefined; at = at.up) {
    path = `.${at.name}${path}`;
    out.push(at.type + path);
  }
  return out;
}
