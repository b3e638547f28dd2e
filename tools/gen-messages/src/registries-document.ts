import { join } from "node:path";
import { GeneratorError, readManifest, readStrictJson, type SpecEntry, type StrictObject } from "@helsekontakt/codegen";

/** A parameter of an operation, or a member of a type. */
export interface Member {
  readonly name: string;
  /** A simple type, or the name of a type of the document. */
  readonly type: string;
  readonly list: boolean;
}

export interface Operation {
  readonly name: string;
  readonly parameters: readonly Member[];
  readonly answer?: string;
  readonly list: boolean;
  /** It changes something at the registry: not to be repeated without thought. */
  readonly changes: boolean;
  readonly inferred: readonly string[];
}

export interface Service {
  readonly name: string;
  readonly namespace: string;
  readonly contract: string;
  readonly paths: Readonly<Record<string, string>>;
  readonly operations: readonly Operation[];
  readonly source: readonly string[];
}

export interface ContractType {
  readonly name: string;
  readonly namespace: string;
  readonly base?: string;
  readonly members: readonly Member[];
  readonly notRead: readonly string[];
  readonly inferred: readonly string[];
}

/** `specs/registries.json`, checked: every type that is named is there, members stand in the order of the wire. */
export interface RegistriesDocument {
  readonly spec: SpecEntry;
  readonly bindings: readonly { readonly name: string; readonly soap: "1.1" | "1.2"; readonly use: string }[];
  readonly services: readonly Service[];
  readonly types: readonly ContractType[];
  readonly faultCodes: readonly { readonly code: string; readonly means: "not-found"; readonly use: string }[];
  readonly events: readonly { readonly source: string; readonly names: readonly string[] }[];
}

/** Types that a value's text stands for; a member of another type has members of its own. */
export const simpleTypes: Readonly<Record<string, string>> = {
  string: "string",
  int: "number",
  boolean: "boolean",
  dateTime: "string",
  base64: "Uint8Array",
};

/** Reads and checks the document; nothing when the folder has none. */
export function readRegistriesDocument(specsDir: string): RegistriesDocument | undefined {
  const spec = readManifest(specsDir).find((d) => d.kind === "registries");
  if (spec === undefined) return undefined;
  const keys = ["title", "version", "bindings", "services", "types", "faultCodes", "events"];
  const d = readStrictJson(join(specsDir, spec.path), `specs/${spec.path}`, keys);
  if (d.string("version") !== spec.version) d.fail("version", `the version in manifest.json, ${spec.version}`);
  d.string("title");
  const bindings = d.objects("bindings", ["name", "soap", "use"]).map((b) => ({
    name: b.string("name"),
    soap: b.oneOf("soap", ["1.1", "1.2"]),
    use: b.string("use"),
  }));
  const typeKeys = ["name", "namespace", "base", "members", "notRead", "x-inferred"];
  const types = d.objects("types", typeKeys).map(readType);
  const known = new Set([...Object.keys(simpleTypes), ...types.map((t) => t.name)]);
  if (types.length + Object.keys(simpleTypes).length !== known.size) d.fail("types", "one entry for each name");
  const checked = (o: string, used: readonly string[]): void => {
    for (const type of used)
      if (!known.has(type) && type !== "stream")
        throw new GeneratorError(`specs/${spec.path}`, undefined, `the type ${type} in ${o}`, "a type of the document");
  };
  for (const t of types) checked(t.name, [...(t.base === undefined ? [] : [t.base]), ...t.members.map((m) => m.type)]);
  const services = d.objects("services", ["name", "namespace", "contract", "paths", "operations", "source"]).map((s) =>
    readService(
      s,
      bindings.map((b) => b.name),
    ),
  );
  for (const { operations } of services)
    for (const o of operations)
      checked(o.name, [...o.parameters.map((p) => p.type), ...(o.answer === undefined ? [] : [o.answer])]);
  return {
    spec,
    bindings,
    services,
    types,
    faultCodes: d.objects("faultCodes", ["code", "means", "use"]).map((f) => ({
      code: f.string("code"),
      means: f.oneOf("means", ["not-found"]),
      use: f.string("use"),
    })),
    events: d
      .objects("events", ["source", "names"])
      .map((e) => ({ source: e.string("source"), names: e.strings("names") })),
  };
}

function readType(t: StrictObject): ContractType {
  const members = readMembers(t, "members");
  // Data contracts put members in the order of their names; another order would not be read on the other side.
  const names = members.map((m) => m.name);
  if (names.join() !== names.toSorted((a, b) => (a < b ? -1 : 1)).join()) t.fail("members", "members by their names");
  return {
    name: t.string("name"),
    namespace: t.string("namespace"),
    ...(t.has("base") ? { base: t.string("base") } : {}),
    members,
    notRead: t.strings("notRead"),
    inferred: t.strings("x-inferred"),
  };
}

function readService(s: StrictObject, bindings: readonly string[]): Service {
  const paths = s.object("paths", bindings);
  return {
    name: s.string("name"),
    namespace: s.string("namespace"),
    contract: s.string("contract"),
    paths: Object.fromEntries(bindings.filter((b) => paths.has(b)).map((b) => [b, paths.string(b)])),
    operations: s.objects("operations", ["name", "parameters", "answer", "list", "changes", "x-inferred"]).map((o) => ({
      name: o.string("name"),
      parameters: readMembers(o, "parameters"),
      ...(o.has("answer") ? { answer: o.string("answer") } : {}),
      list: o.optionalBoolean("list") ?? false,
      changes: o.optionalBoolean("changes") ?? false,
      inferred: o.strings("x-inferred"),
    })),
    source: s.strings("source"),
  };
}

function readMembers(o: StrictObject, key: string): Member[] {
  return o
    .objects(key, ["name", "type", "list"])
    .map((m) => ({ name: m.string("name"), type: m.string("type"), list: m.optionalBoolean("list") ?? false }));
}
