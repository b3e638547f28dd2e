import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { GeneratorError } from "@helsekontakt/codegen";
import type { ComplexType } from "./model.ts";
import type { World } from "./world.ts";

/** One field as the flat schema states it and the skeleton must repeat it. */
interface FlatField {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly many: boolean;
}

interface FlatType {
  readonly name: string;
  readonly type: ComplexType;
  readonly fields: readonly FlatField[];
}

const dummy = "$dummy";

/** Every complex type of the world with its properties in table order, under names that xsd2ts keeps. */
function flatTypes(world: World): FlatType[] {
  const names = new Map<ComplexType, string>();
  const all = world.compiled.flatMap((c) => c.complexTypes);
  all.forEach((type, i) => names.set(type, `T${i}_${type.symbol.replace(/[^A-Za-z0-9_]/g, "_")}`));
  return all.map((type) => {
    const shape = world.shape(type);
    const fields: FlatField[] = shape.attributes.map(({ prop, use }) => ({
      name: prop,
      type: "string",
      optional: !use.required,
      many: false,
    }));
    if (type.anyAttribute) fields.push({ name: "$attributes", type: "string", optional: true, many: true });
    if (shape.content === "text") fields.push({ name: "$text", type: "string", optional: false, many: false });
    for (const field of shape.fields) {
      const of = field.element.type();
      const name = of.kind === "simple" || of.unit === undefined ? "string" : (names.get(of) as string);
      fields.push({ name: field.prop, type: name, optional: field.optional, many: field.many });
    }
    if (shape.wildcards.length > 0)
      fields.push({ name: "$any", type: "string", optional: shape.wildcards.every((w) => w.optional), many: true });
    const taken = new Set<string>();
    const flat = fields.map((field) => {
      let name = field.name.replace(/[^\p{L}\p{N}_$]/gu, "_");
      while (taken.has(name)) name += "_";
      taken.add(name);
      return { ...field, name };
    });
    return { name: names.get(type) as string, type, fields: flat };
  });
}

/**
 * One flat schema for xsd2ts: one namespace, every type named, references, groups and extensions resolved, attributes as
 * elements, simple types as strings. Each type has one field more than it needs, since xsd2ts replaces a type of a single
 * array by the array.
 */
export function flatSchema(types: readonly FlatType[]): string {
  const body = types.map(
    (t) =>
      `<xs:complexType name="${t.name}"><xs:sequence>${[...t.fields, { name: dummy, type: "string", optional: false, many: false }].map(flatElement).join("")}</xs:sequence></xs:complexType>`,
  );
  return `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:f="urn:flat" targetNamespace="urn:flat" elementFormDefault="qualified">\n${body.join("\n")}\n</xs:schema>\n`;
}

function flatElement(f: FlatField): string {
  return `<xs:element name="${f.name}" type="${f.type === "string" ? "xs:string" : `f:${f.type}`}"${f.optional ? ' minOccurs="0"' : ""}${f.many ? ' maxOccurs="unbounded"' : ""}/>`;
}

/** The skeleton as xsd2ts builds it: class name to property name and type text. */
export type Skeleton = readonly (readonly [string, readonly (readonly [string, string])[]])[];

/** Runs xsd2ts on a flat schema in a child process. */
export function buildSkeleton(schema: string): Skeleton {
  const child = spawnSync(process.execPath, [fileURLToPath(new URL("./skeleton-child.ts", import.meta.url))], {
    input: schema,
    maxBuffer: 1 << 28,
    encoding: "utf8",
    timeout: 120_000,
  });
  if (child.status !== 0)
    throw new GeneratorError(
      "flat schema",
      undefined,
      `xsd2ts ending with ${child.signal ?? child.status}: ${child.stderr.split("\n").find((l) => l.includes("Error")) ?? ""}`,
      "a type skeleton",
    );
  return JSON.parse(child.stdout) as Skeleton;
}

/**
 * Checks that xsd2ts's skeleton and our model agree field by field: name, order, type, optional, array. After it the two
 * say the same, and the emitter prints what both say.
 *
 * @returns the number of fields compared.
 * @throws {GeneratorError} naming the schema, the line and the field of the first difference.
 */
export function checkSkeleton(
  world: World,
  build: (schema: string) => Skeleton = buildSkeleton,
): { types: number; fields: number } {
  const types = flatTypes(world);
  if (types.length === 0) return { types: 0, fields: 0 };
  const skeleton = new Map(build(flatSchema(types)));
  let fields = 0;
  for (const flat of types) {
    const fail = (construct: string, expected: string): never => {
      throw new GeneratorError(
        flat.type.source?.file ?? "",
        flat.type.source?.line,
        `${construct} in xsd2ts's skeleton of ${flat.type.clark}`,
        expected,
      );
    };
    const properties = (skeleton.get(flat.name) ?? fail("no class", "the class")).filter(
      ([name]) => name.replace("?", "") !== dummy,
    );
    if (properties.length !== flat.fields.length) fail(`${properties.length} fields`, `${flat.fields.length} fields`);
    flat.fields.forEach((field, i) => {
      const [name, type] = properties[i] as readonly [string, string];
      const wanted = `${field.name}${field.optional ? "?" : ""}: ${field.type}${field.many ? "[]" : ""}`;
      const found = `${name}: ${type.replace(/^f\./, "")}`;
      if (found !== wanted) fail(`"${found}"`, `"${wanted}"`);
      fields++;
    });
  }
  return { types: types.length, fields };
}
