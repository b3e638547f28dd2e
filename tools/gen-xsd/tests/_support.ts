import { parseSchema } from "../src/dom.ts";
import { emitRules } from "../src/emit-rules.ts";
import { emitTypes } from "../src/emit-types.ts";
import { familyName } from "../src/project.ts";
import type { Input } from "../src/units.ts";
import { compileWorld, type World } from "../src/world.ts";

/** A schema document around the given declarations. */
export function schema(body: string, attributes = 'targetNamespace="urn:test" xmlns:t="urn:test"'): string {
  return `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" ${attributes} elementFormDefault="qualified">${body}</xs:schema>`;
}

export function inputs(files: Readonly<Record<string, string>>): Input[] {
  return Object.entries(files).map(([file, text]) => ({
    file,
    id: file,
    family: familyName(file),
    root: parseSchema(Buffer.from(text), file),
  }));
}

export function compileTexts(files: Readonly<Record<string, string>>): World {
  return compileWorld(inputs(files));
}

const options = { header: () => "// header\n", contract: "contract", tree: "contract", extension: ".js" } as const;

/** Every generated file of a world, by name. */
export function emitAll(world: World): Record<string, string> {
  const out: Record<string, string> = {};
  for (const c of world.compiled) {
    out[`types/${c.unit.family}`] = emitTypes(c, world, options);
    out[`rules/${c.unit.family}`] = emitRules(c, world, options);
  }
  return out;
}
