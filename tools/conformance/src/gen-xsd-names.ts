import { readFileSync } from "node:fs";
import { parseSchema } from "../../gen-xsd/src/dom.ts";
import { emitRules } from "../../gen-xsd/src/emit-rules.ts";
import { emitTypes } from "../../gen-xsd/src/emit-types.ts";
import type { Unit } from "../../gen-xsd/src/model.ts";
import { familyName } from "../../gen-xsd/src/project.ts";
import type { Input } from "../../gen-xsd/src/units.ts";
import { compileWorld, type World } from "../../gen-xsd/src/world.ts";
import { createRandom } from "./_schema-instances.ts";
import { createTally } from "./_tally.ts";
import { upstreamFiles, upstreamPath } from "./_upstream.ts";

// Generated names: none collides, in the archive and in schemas whose names are as alike as names can be; and a family's
// symbols, with what they mean, are the same whatever other schemas are compiled with it, in whatever order.
// `gen-xsd-names.ts SEED ROUNDS` runs others.

const random = createRandom(Number(process.argv[2] ?? 20261125));
const rounds = Number(process.argv[3] ?? 12);
const tally = createTally();
const counts = {
  families: 0,
  symbols: 0,
  "subsets of the archive": 0,
  "families compared": 0,
  "schemas of like names": 0,
};

const options = { header: () => "", contract: "contract", tree: "contract", extension: ".js" } as const;

function input(file: string, text: Uint8Array): Input {
  return { file, id: file, family: familyName(file), root: parseSchema(text, file) };
}

/** What each family exports and each symbol's own table, without what other families add to it. */
function symbolsOf(world: World): Map<string, { readonly names: string; readonly twice: readonly string[] }> {
  const out = new Map<string, { names: string; twice: string[] }>();
  for (const compiled of world.compiled) {
    const names: string[] = [];
    for (const text of [emitTypes(compiled, world, options), emitRules(compiled, world, options)]) {
      const values = [...text.matchAll(/^export const ([^:]+): (\w+)/gm)].map((m) => `value ${m[1]} ${m[2]}`);
      const types = [...text.matchAll(/^export (?:interface|type) (\S+)/gm)].map((m) => `type ${m[1]}`);
      // What a symbol stands for: the name of the table behind it.
      const meanings = [...text.matchAll(/^export const ([^:]+): \w+ = \{\n {2}name: ("[^"]*")/gm)];
      names.push(...values, ...types, "--", ...meanings.map((m) => `${m[1]} is ${m[2]}`), "==");
    }
    const exported = names.filter((n) => /^(?:value|type) /.test(n));
    const perFile = names
      .join("\n")
      .split("==")
      .map((part) => part.split("--")[0]?.trim().split("\n") ?? []);
    const twice = perFile.flatMap((list) => list.filter((n, i) => n !== "" && list.indexOf(n) !== i));
    // Types for derived ones stand only where there are any.
    out.set(compiled.unit.family, { names: names.filter((n) => !n.endsWith("$derived")).join("\n"), twice });
    counts.symbols += exported.length;
  }
  return out;
}

const inputs = upstreamFiles("xsd", [".xsd"]).map((f) => input(f, readFileSync(upstreamPath(f))));
const whole = compileWorld(inputs);
const all = symbolsOf(whole);
counts.families = all.size;
for (const [family, { twice }] of all) tally.check(twice.length === 0, `${family}: ${twice.join(", ")} twice`);

/** A unit's documents with those of all units that it needs. */
function closure(unit: Unit, found = new Set<Unit>()): Set<Unit> {
  if (found.has(unit)) return found;
  found.add(unit);
  const compiled = whole.compiled.find((c) => c.unit === unit);
  for (const other of compiled?.uses ?? []) closure(other, found);
  return found;
}

for (let round = 0; round < rounds; round++) {
  const units = new Set<Unit>();
  for (let n = 1 + random(20); n > 0; n--)
    for (const u of closure((whole.compiled[random(whole.compiled.length)] as (typeof whole.compiled)[number]).unit))
      units.add(u);
  const files = new Set([...units].flatMap((u) => u.docs.map((d) => d.file)));
  const subset = inputs
    .filter((i) => files.has(i.file))
    .map((i) => ({ i, at: random(1_000_000) }))
    .sort((a, b) => a.at - b.at)
    .map(({ i }) => i);
  const world = compileWorld(subset);
  counts["subsets of the archive"]++;
  tally.check(world.refused.length === 0, `a subset: ${world.refused[0]?.message}`);
  const got = symbolsOf(world);
  for (const unit of units) {
    counts["families compared"]++;
    tally.check(
      got.get(unit.family)?.names === all.get(unit.family)?.names,
      `${unit.family}: other symbols in a subset`,
    );
  }
}

// Names that differ in what an identifier cannot hold, that a generated file uses itself, or that every object has.
const alike =
  "a-b a_b a.b a--b aB A-B class Class elements types rules AnyType Nil Item toString __proto__ constructor Blåbær Blåbaer x_2 x x-2 T_a T Ta type text $"
    .split(" ")
    .filter((n) => n !== "$");
for (let round = 0; round < rounds * 10; round++) {
  const pick = (): string => alike[random(alike.length)] as string;
  const used = new Set<string>();
  const fresh = (kind: string): string | undefined => {
    const name = pick();
    if (used.has(`${kind} ${name}`)) return undefined;
    used.add(`${kind} ${name}`);
    return name;
  };
  const particles = (depth: number): string =>
    [...new Set([pick(), pick(), pick()])]
      .map((n) =>
        depth === 0 || random(2) === 0
          ? `<xs:element name="${n}" type="xs:string" minOccurs="0"/>`
          : `<xs:element name="${n}">${complex("", depth - 1)}</xs:element>`,
      )
      .join("");
  const complex = (name: string, depth: number): string => {
    const attributes = [...new Set([pick(), pick()])].map(
      (a) =>
        `<xs:attribute name="${a}"><xs:simpleType><xs:restriction base="xs:token"><xs:enumeration value="${a}"/></xs:restriction></xs:simpleType></xs:attribute>`,
    );
    return `<xs:complexType${name}><xs:sequence>${particles(depth)}</xs:sequence>${attributes.join("")}</xs:complexType>`;
  };
  let body = "";
  for (let n = 2 + random(6); n > 0; n--) {
    const type = fresh("type");
    if (type !== undefined)
      body +=
        random(3) === 0
          ? `<xs:simpleType name="${type}"><xs:list itemType="xs:int"/></xs:simpleType>`
          : complex(` name="${type}"`, 2);
    const element = fresh("element");
    if (element !== undefined) body += `<xs:element name="${element}">${complex("", 2)}</xs:element>`;
  }
  const text = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t">${body}</xs:schema>`;
  const world = compileWorld([input("t.xsd", Buffer.from(text))]);
  counts["schemas of like names"]++;
  tally.check(world.refused.length === 0, `like names: ${world.refused[0]?.message}`);
  for (const [, { twice }] of symbolsOf(world))
    tally.check(twice.length === 0, `like names: ${twice.join(", ")} twice in ${text}`);
  for (const { complexTypes } of world.compiled)
    for (const type of complexTypes) {
      const shape = world.shape(type);
      const props = [...shape.attributes.map((a) => a.prop), ...shape.fields.map((f) => f.prop)];
      tally.check(new Set(props).size === props.length, `like names: a property twice in ${type.clark}`);
      tally.check(
        props.every((p) => !(p in {})),
        `like names: a property of every object in ${type.clark}`,
      );
    }
}

tally.finish("gen-xsd-names", counts);
