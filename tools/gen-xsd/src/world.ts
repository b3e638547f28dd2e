import { byCodeUnit, GeneratorError, quote, typeName } from "@helsekontakt/codegen";
import { isBlocked } from "./block.ts";
import { type Compiled, Compiler } from "./compile.ts";
import { clark, type ComplexType, type Element, type SimpleType, type Unit, type XsdType } from "./model.ts";
import { type Shape, shapeOf } from "./shape.ts";
import { type Input, type LinkedUnit, linkUnits } from "./units.ts";

export interface Refusal {
  /** The document at which compilation of a unit stopped. */
  readonly file: string;
  readonly message: string;
}

/** Everything that compiled, with the questions that both emitters ask. */
export interface World {
  readonly compiled: readonly Compiled[];
  readonly refused: readonly Refusal[];
  /** Members of an element's substitution group that compiled. */
  readonly members: (element: Element) => readonly Element[];
  /** Named types derived from a type, all levels, in a fixed order; without those that it does not let stand for itself. */
  readonly derived: (type: XsdType) => readonly (ComplexType | SimpleType)[];
  readonly shape: (type: ComplexType) => Shape;
  /** Families whose global attributes a wildcard of a unit can meet: its own, what it imports, and what stands beside it where it is imported. */
  readonly attributes: (unit: Unit) => readonly Unit[];
}

/**
 * Compiles documents. A unit that does not compile is refused by name, with every unit that needs it; the rest goes on.
 *
 * @param broken - documents that a later step could not handle, with its message: their units are refused from the start.
 */
export function compileWorld(
  inputs: readonly Input[],
  broken: ReadonlyMap<string, string> = new Map(),
  options: { readonly plainContent?: boolean } = {},
): World {
  const { units, refused: unlinked } = linkUnits(inputs);
  const refused: Refusal[] = unlinked.map(({ file, error }) => ({ file, message: error.message }));
  const compiler = new Compiler(options);
  let compiled: Compiled[] = [];
  for (const unit of units) {
    const known = broken.get(unit.lead);
    if (known !== undefined) {
      refused.push({ file: unit.lead, message: known });
      continue;
    }
    try {
      compiled.push(compiler.compile(unit));
    } catch (error) {
      if (!(error instanceof GeneratorError)) throw error;
      refused.push({ file: unit.lead, message: error.message });
    }
  }
  for (let again = true; again; ) {
    const good = new Set(compiled.map((c) => c.unit));
    const bad = compiled.filter((c) => [...c.uses].some((u) => !good.has(u)));
    again = bad.length > 0;
    for (const c of bad) {
      const cause = [...c.uses].find((u) => !good.has(u)) as Unit;
      refused.push({
        file: c.unit.lead,
        message: `${c.unit.lead}: expected imported schemas that compile, found a reference into "${cause.lead}", which is refused`,
      });
    }
    compiled = compiled.filter((c) => !bad.includes(c));
  }
  const substitutions = compiler.substitutions(compiled);
  const derivedMap = directDerived(compiled);
  const shapes = new Map<ComplexType, Shape>();
  const attributes = attributesInReach(compiled);
  const members = (element: Element): readonly Element[] => firstByName(substitutions.get(element) ?? []);
  return {
    compiled,
    refused: refused.sort((a, b) => byCodeUnit(a.file, b.file)),
    members,
    attributes,
    derived: (type) => {
      const out: (ComplexType | SimpleType)[] = [];
      const visit = (at: XsdType): void => {
        for (const next of derivedMap.get(at) ?? []) {
          if (out.includes(next)) continue;
          out.push(next);
          visit(next);
        }
      };
      visit(type);
      // Copies of one schema may derive the same type twice: the first by family stands for all.
      const seen = new Set<string>();
      return out.filter((t) => {
        const name = clark(t.unit?.ns ?? "", t.name ?? "");
        if (t.name === undefined || seen.has(name) || (t.kind === "complex" && t.abstract)) return false;
        if (type.kind === "complex" && isBlocked(t, type, type.block)) return false;
        seen.add(name);
        return true;
      });
    },
    shape: (type) => {
      const known = shapes.get(type) ?? shapeOf(type, members);
      shapes.set(type, known);
      return known;
    },
  };
}

function directDerived(compiled: readonly Compiled[]): Map<XsdType, (ComplexType | SimpleType)[]> {
  const out = new Map<XsdType, (ComplexType | SimpleType)[]>();
  for (const c of compiled)
    for (const type of [...c.complexTypes, ...c.simpleTypes])
      if (type.base) out.set(type.base, [...(out.get(type.base) ?? []), type]);
  return out;
}

/** A schema is a document with all that it imports; a unit can be part of several. Its own declarations come first. */
function attributesInReach(compiled: readonly Compiled[]): World["attributes"] {
  const having = compiled.filter((c) => c.attributes.length > 0).map((c) => c.unit);
  const closures = new Map<Unit, ReadonlySet<Unit>>();
  const closure = (unit: Unit): ReadonlySet<Unit> => {
    const known = closures.get(unit);
    if (known !== undefined) return known;
    const out = new Set([unit]);
    for (const at of out) for (const next of (at as LinkedUnit).imports.values()) out.add(next);
    closures.set(unit, out);
    return out;
  };
  return (unit) => {
    if (having.length === 0) return [];
    const importers = compiled
      .map((c) => c.unit)
      .filter((u) => u !== unit && closure(u).has(unit))
      .sort((a, b) => a.lead.length - b.lead.length || byCodeUnit(a.lead, b.lead));
    const all = new Set([unit, ...importers].flatMap((u) => [...closure(u)]));
    return [...all].filter((u) => having.includes(u));
  };
}

function firstByName(elements: readonly Element[]): Element[] {
  const byName = new Map<string, Element>();
  for (const e of elements) if (!byName.has(clark(e.ns, e.name))) byName.set(clark(e.ns, e.name), e);
  return [...byName.values()];
}

/** The other families that one generated file imports, each under a name of its own. No name from a schema starts with `$`. */
export class Imports {
  readonly #names = new Map<Unit, string>();

  alias(unit: Unit): string {
    const known = this.#names.get(unit);
    if (known !== undefined) return known;
    const taken = new Set(this.#names.values());
    const wish = `$${typeName(unit.family)}`;
    let name = wish;
    for (let n = 2; taken.has(name); n++) name = `${wish}$${n}`;
    this.#names.set(unit, name);
    return name;
  }

  /** Import statements in the order of their names. */
  print(extension: string): string[] {
    return [...this.#names]
      .sort((a, b) => byCodeUnit(a[1], b[1]))
      .map(([unit, name]) => `import * as ${name} from ${quote(`./${unit.family}${extension}`)};`);
  }
}
