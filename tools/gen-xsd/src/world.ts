import { byCodeUnit, GeneratorError, typeName } from "@helsekontakt/codegen";
import { type Compiled, Compiler } from "./compile.ts";
import type { ComplexType, Element, SimpleType, Unit, XsdType } from "./model.ts";
import { type Shape, shapeOf } from "./shape.ts";
import { type Input, linkUnits } from "./units.ts";

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
  /** Named types derived from a type, all levels, in a fixed order. */
  readonly derived: (type: XsdType) => readonly (ComplexType | SimpleType)[];
  readonly shape: (type: ComplexType) => Shape;
}

/** Compiles documents. A unit that does not compile is refused by name, with every unit that needs it; the rest goes on. */
export function compileWorld(inputs: readonly Input[]): World {
  const { units, refused: unlinked } = linkUnits(inputs);
  const refused: Refusal[] = unlinked.map(({ file, error }) => ({ file, message: error.message }));
  const compiler = new Compiler();
  let compiled: Compiled[] = [];
  for (const unit of units) {
    try {
      compiled.push(compiler.compile(unit));
    } catch (error) {
      if (!(error instanceof GeneratorError)) throw error;
      refused.push({ file: leadFile(unit), message: error.message });
    }
  }
  for (let again = true; again; ) {
    const good = new Set(compiled.map((c) => c.unit));
    const bad = compiled.filter((c) => [...c.uses].some((u) => !good.has(u)));
    again = bad.length > 0;
    for (const c of bad) {
      const cause = [...c.uses].find((u) => !good.has(u)) as Unit;
      refused.push({
        file: leadFile(c.unit),
        message: `${leadFile(c.unit)}: expected imported schemas that compile, found a reference into "${leadFile(cause)}", which is refused`,
      });
    }
    compiled = compiled.filter((c) => !bad.includes(c));
  }
  const substitutions = compiler.substitutions(compiled);
  const derivedMap = directDerived(compiled);
  const shapes = new Map<ComplexType, Shape>();
  const members = (element: Element): readonly Element[] => substitutions.get(element) ?? [];
  return {
    compiled,
    refused: refused.sort((a, b) => byCodeUnit(a.file, b.file)),
    members,
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
      return out.filter((t) => t.name !== undefined && !(t.kind === "complex" && t.abstract));
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

/** The document that names a unit: the shortest path, first by code unit. */
export function leadFile(unit: Unit): string {
  const files = unit.docs.filter((d) => !d.chameleon).map((d) => d.file);
  return [...files].sort((a, b) => a.length - b.length || byCodeUnit(a, b))[0] ?? unit.family;
}

/** The name under which a generated file imports another family's. No name from a schema starts with `$`. */
export function alias(unit: Unit): string {
  return `$${typeName(unit.family)}`;
}
