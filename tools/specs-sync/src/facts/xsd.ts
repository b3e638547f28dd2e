import { GeneratorError } from "@helsekontakt/codegen";
import { parseSchema } from "@helsekontakt/gen-xsd/src/dom.ts";
import {
  type AttributeUse,
  clark,
  type ComplexType,
  type Facets,
  type IdentityConstraint,
  type IdentityPath,
  type Particle,
  type SimpleType,
  UNBOUNDED,
  type XsdType,
} from "@helsekontakt/gen-xsd/src/model.ts";
import { compileWorld } from "@helsekontakt/gen-xsd/src/world.ts";
import { FactList, type Facts, type Value } from "../fact.ts";

/** A schema document: where it stands in `specs/`, its id, its bytes. */
export interface SchemaDocument {
  readonly path: string;
  readonly id: string;
  readonly bytes: Uint8Array;
}

/**
 * What each of a set of schemas states, from the resolved model: it does not matter whether a schema uses groups,
 * references or inline types, only what a document must look like.
 *
 * @throws {GeneratorError} when a schema does not compile, with its file, line and construct
 */
export function xsdFacts(documents: readonly SchemaDocument[]): Map<string, Facts> {
  const world = compileWorld(
    documents.map((d) => ({ file: d.path, id: d.id, family: d.id, root: parseSchema(d.bytes, d.path) })),
  );
  const refused = world.refused[0];
  if (refused !== undefined)
    throw new GeneratorError(refused.file, undefined, refused.message, "a schema that compiles");
  const lists = new Map(documents.map((d) => [d.id, new FactList()]));
  for (const { unit, elements, complexTypes, simpleTypes } of world.compiled) {
    for (const { element } of elements) {
      const list = listOf(lists, element.source.pointer);
      if (list === undefined) continue;
      const place = placeOf(element.source.pointer);
      list.add({
        place: `element:${place}`,
        parent: undefined,
        kind: "element",
        name: element.name,
        side: "both",
        values: { ...typeValues(element.type()), ...elementValues(element) },
      });
    }
    for (const type of complexTypes) {
      const list = type.source === undefined ? undefined : listOf(lists, type.source.pointer);
      if (list !== undefined && type.source !== undefined && !isPlainText(type))
        complexFacts(list, placeOf(type.source.pointer), type);
    }
    for (const type of simpleTypes) {
      const list =
        type.source === undefined || type.name === undefined ? undefined : listOf(lists, type.source.pointer);
      if (list !== undefined && type.source !== undefined && type.name !== undefined)
        list.add({
          place: placeOf(type.source.pointer),
          parent: undefined,
          kind: "simple type",
          name: type.name,
          side: "both",
          values: simpleValues(type),
        });
    }
    // Where nothing is declared, the namespace is all that a document states.
    for (const doc of unit.docs)
      lists.get(doc.id)?.add({
        place: "targetNamespace",
        parent: undefined,
        kind: "namespace",
        name: "targetNamespace",
        side: "both",
        values: { namespace: unit.ns },
      });
  }
  return new Map([...lists].map(([id, list]) => [id, list.facts]));
}

function listOf(lists: ReadonlyMap<string, FactList>, pointer: string): FactList | undefined {
  return lists.get(pointer.slice(0, pointer.indexOf("#")));
}

function placeOf(pointer: string): string {
  return pointer.slice(pointer.indexOf("#") + 1);
}

function complexFacts(list: FactList, place: string, type: ComplexType): void {
  const owner = list.add({
    place,
    parent: undefined,
    kind: "type",
    name: type.name ?? place,
    side: "both",
    values: {
      // A restriction of anyType is how XSD writes a type without a base.
      ...(type.base === undefined || (type.base.kind === "complex" && type.base.unit === undefined)
        ? {}
        : { base: typeName(type.base), derivation: type.derivation }),
      abstract: type.abstract || undefined,
      mixed: type.mixed || undefined,
      anyAttribute: type.anyAttribute === undefined ? undefined : wildcard(type.anyAttribute),
      order:
        type.particle === undefined ? undefined : flatten(type.particle).flatMap((c) => (c.ordered ? [c.name] : [])),
      ...(type.simple === undefined ? {} : simpleValues(type.simple)),
    },
  });
  if (type.particle !== undefined)
    for (const child of flatten(type.particle))
      list.add({
        place: `${place}/${child.name}`,
        parent: owner,
        kind: child.kind,
        name: child.name,
        side: "both",
        values: child.values,
      });
  for (const use of type.attributes)
    if (!use.prohibited)
      list.add({
        place: `${place}/@${use.name}`,
        parent: owner,
        kind: "attribute",
        name: use.name,
        side: "both",
        values: attributeValues(use),
      });
}

interface Child {
  readonly name: string;
  readonly kind: "element" | "wildcard";
  /** In sequences only: the parts of a choice have no order. */
  readonly ordered: boolean;
  readonly values: Readonly<Record<string, Value | undefined>>;
}

/** The content as a list, each part with the groups around it that say something: `choice 0..unbounded > sequence`. */
function flatten(particle: Particle, around: readonly string[] = []): Child[] {
  if (particle.kind === "element") {
    const { element } = particle;
    return [
      {
        name: element.name,
        kind: "element",
        ordered: around.every((step) => step.startsWith("sequence")),
        values: {
          min: particle.min,
          max: occurs(particle.max),
          inside: around.join(" > "),
          ...typeValues(element.type()),
          ...elementValues(element),
        },
      },
    ];
  }
  if (particle.kind === "wildcard")
    return [
      {
        name: "##any",
        kind: "wildcard",
        ordered: around.every((step) => step.startsWith("sequence")),
        values: {
          min: particle.min,
          max: occurs(particle.max),
          inside: around.join(" > "),
          namespaces: wildcard(particle.wildcard),
        },
      },
    ];
  const plain = particle.min === 1 && particle.max === 1;
  // A sequence says nothing where parts follow each other anyway; nor does a group of one part, once.
  const inChoice = around.at(-1)?.startsWith("choice") === true;
  const silent = plain && (particle.items.length === 1 || (particle.kind === "sequence" && !inChoice));
  const step = plain ? particle.kind : `${particle.kind} ${particle.min}..${occurs(particle.max)}`;
  return particle.items.flatMap((item) => flatten(item, silent ? around : [...around, step]));
}

function occurs(max: number): number | string {
  return max === UNBOUNDED ? "unbounded" : max;
}

function elementValues(element: {
  readonly ns: string;
  readonly nillable: boolean;
  readonly abstract: boolean;
  readonly fixed?: string | undefined;
  readonly default?: string | undefined;
  readonly constraints: readonly IdentityConstraint[];
}): Record<string, Value | undefined> {
  return {
    namespace: element.ns,
    nullable: element.nillable || undefined,
    abstract: element.abstract || undefined,
    fixed: element.fixed,
    default: element.default,
    constraints: element.constraints.length === 0 ? undefined : element.constraints.map(constraintText),
  };
}

/** One identity constraint in a line: two of them are equal when their lines are. */
function constraintText({ kind, name, refer, selector, fields }: IdentityConstraint): string {
  const paths = (all: readonly IdentityPath[]): string =>
    all
      .map(({ deep, steps, attribute }) => {
        const way = [...steps, ...(attribute === undefined ? [] : [`@${attribute}`])].join("/");
        return `${deep ? ".//" : ""}${way === "" ? "." : way}`;
      })
      .join("|");
  return `${kind} ${name}${refer === undefined ? "" : ` -> ${refer}`}: ${paths(selector)} (${fields.map(paths).join(", ")})`;
}

function attributeValues(use: AttributeUse): Record<string, Value | undefined> {
  return {
    min: use.required ? 1 : 0,
    namespace: use.ns === "" ? undefined : use.ns,
    fixed: use.fixed,
    default: use.default,
    ...typeValues(use.type()),
  };
}

/** A named type is told by its name, one without a name by what it states. */
function typeValues(type: XsdType): Record<string, Value | undefined> {
  if (isPlainText(type)) return type.simple.unit === undefined ? typeValues(type.simple) : simpleValues(type.simple);
  if (type.kind === "complex") return { type: type.name === undefined ? "a type of its own" : typeName(type) };
  return type.name === undefined ? simpleValues(type) : { type: typeName(type) };
}

/** A complex type without a name that adds nothing to simple content: another way to write a simple type. */
function isPlainText(type: XsdType): type is ComplexType & { readonly simple: SimpleType } {
  return (
    type.kind === "complex" &&
    type.name === undefined &&
    type.simple !== undefined &&
    type.attributes.length === 0 &&
    type.anyAttribute === undefined
  );
}

function typeName(type: XsdType): string {
  if (type.kind === "complex")
    return type.name === undefined ? "a type of its own" : clark(type.unit?.ns ?? "", type.name);
  return type.unit === undefined ? `xs:${type.name ?? type.symbol}` : clark(type.unit.ns, type.name ?? "");
}

function simpleValues(type: SimpleType): Record<string, Value | undefined> {
  const { variety, builtin, facets, members, item } = type;
  return {
    type: variety === "atomic" ? `xs:${builtin}` : variety,
    members: members?.map(typeName),
    item: item === undefined ? undefined : typeName(item),
    ...facetValues(facets),
  };
}

function facetValues(facets: Facets): Record<string, Value | undefined> {
  const { enumeration, patterns, whiteSpace, ...limits } = facets;
  return {
    enum: enumeration === undefined ? undefined : [...enumeration],
    pattern: patterns === undefined || patterns.length === 0 ? undefined : [...patterns],
    whiteSpace,
    ...limits,
  };
}

function wildcard(any: { readonly namespaces: unknown; readonly process: string }): string {
  const { namespaces } = any;
  const text =
    typeof namespaces === "string"
      ? namespaces
      : Array.isArray(namespaces)
        ? namespaces.join(" ")
        : `not ${(namespaces as { not: string }).not}`;
  return `${text} (${any.process})`;
}
