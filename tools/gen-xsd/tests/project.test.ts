import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { familyName, generateFromFolder } from "../src/project.ts";
import { checkSkeleton, type Skeleton } from "../src/skeleton.ts";
import { compileWorld } from "../src/world.ts";
import { compileTexts, emitAll, inputs, schema } from "./_support.ts";

const folders: string[] = [];
afterEach(() => {
  for (const dir of folders.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function folder(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), "gen-xsd-"));
  folders.push(dir);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return dir;
}

const head = 'targetNamespace="urn:head" xmlns:h="urn:head" xmlns:d="urn:data"';
const data = 'targetNamespace="urn:data" xmlns:d="urn:data"';
const family = {
  "head.xsd": schema(
    '<xs:import namespace="urn:data"/><xs:element name="Head"><xs:complexType><xs:sequence><xs:element name="Code" type="d:CV"/><xs:choice><xs:element name="A" type="xs:string"/><xs:element name="B" type="d:Ext"/></xs:choice></xs:sequence></xs:complexType></xs:element>',
    head,
  ),
  "data/types.xsd": schema(
    '<xs:complexType name="CV"><xs:attribute name="V" type="xs:token"/></xs:complexType><xs:complexType name="Ext"><xs:complexContent><xs:extension base="d:CV"/></xs:complexContent></xs:complexType>',
    data,
  ),
  "other.xsd": schema('<xs:element name="Other" type="xs:string"/>', 'targetNamespace="urn:other"'),
};

describe("compileWorld()", () => {
  it("gives the same bytes whatever the order of the documents", () => {
    const all = inputs(family);
    const want = emitAll(compileWorld(all));
    for (const order of [
      [2, 1, 0],
      [1, 0, 2],
      [0, 2, 1],
    ]) {
      const got = emitAll(compileWorld(order.map((i) => all[i] as (typeof all)[number])));
      expect(got).toEqual(want);
    }
  });

  it("gives two elements two symbols when only what an identifier cannot hold tells their names apart", () => {
    const element = (name: string) => `<xs:element name="${name}" type="xs:string"/>`;
    const world = compileTexts({ "a.xsd": schema(element("a-b") + element("a_b") + element("a.b")) });
    const symbols = world.compiled[0]?.elements.map((e) => e.symbol);
    expect(new Set(symbols).size).toBe(3);
  });

  it("changes nothing in a family when unrelated schemas are added", () => {
    const want = emitAll(compileTexts(family));
    const got = emitAll(
      compileTexts({
        ...family,
        "a/unrelated.xsd": schema('<xs:complexType name="CV"/><xs:element name="Head" type="t:CV"/>'),
      }),
    );
    expect(got).toMatchObject(want);
    expect(Object.keys(got).length).toBe(Object.keys(want).length + 2);
  });

  it("refuses a schema by name, with those that need it, and goes on", () => {
    const world = compileTexts({
      ...family,
      "data/types.xsd": schema("<xs:complexType><xs:sequence/></xs:complexType>", data),
    });
    expect(world.refused.map((r) => r.message)).toEqual([
      "data/types.xsd:1: expected attribute name, found <complexType> without it",
      "data/types.xsd:1: expected attribute name, found <complexType> without it",
    ]);
    expect(world.compiled.map((c) => c.unit.family)).toEqual(["other"]);
  });
});

describe("attribute wildcards", () => {
  const any = (namespace: string) => `<xs:anyAttribute namespace="${namespace}"/>`;

  it.each([
    [
      "two groups",
      `<xs:attributeGroup name="A">${any("##other")}</xs:attributeGroup><xs:attributeGroup name="B">${any("urn:x urn:test ##local")}</xs:attributeGroup><xs:complexType name="T"><xs:attributeGroup ref="t:A"/><xs:attributeGroup ref="t:B"/></xs:complexType>`,
      'anyAttribute: { namespaces: ["urn:x"], process: "strict" }',
    ],
    [
      "base and extension",
      `<xs:complexType name="B">${any("##other")}</xs:complexType><xs:complexType name="T"><xs:complexContent><xs:extension base="t:B">${any("##targetNamespace")}</xs:extension></xs:complexContent></xs:complexType>`,
      'anyAttribute: { namespaces: { not: "" }, process: "strict" }',
    ],
    [
      "base and extension with simple content",
      `<xs:complexType name="B"><xs:simpleContent><xs:extension base="xs:int">${any("urn:x")}</xs:extension></xs:simpleContent></xs:complexType><xs:complexType name="T"><xs:simpleContent><xs:extension base="t:B">${any("urn:y")}</xs:extension></xs:simpleContent></xs:complexType>`,
      'anyAttribute: { namespaces: ["urn:y", "urn:x"], process: "strict" }',
    ],
  ])("of %s are joined", (_, body, want) => {
    const rules = emitAll(compileTexts({ "a.xsd": schema(body) }))["rules/a"] ?? "";
    expect(rules.slice(rules.indexOf("export const T:"))).toContain(want);
  });

  it("are refused where no wildcard can join them", () => {
    const body = `<xs:complexType name="B">${any("##other")}</xs:complexType><xs:complexType name="T"><xs:complexContent><xs:extension base="t:B">${any("##local")}</xs:extension></xs:complexContent></xs:complexType>`;
    expect(compileTexts({ "a.xsd": schema(body) }).refused[0]?.message).toContain(
      "two wildcards for attributes that no wildcard can join",
    );
  });
});

it("takes a choice between nothing for content that no value has", () => {
  const body = `<xs:complexType name="T"><xs:sequence><xs:choice/><xs:element name="x" minOccurs="0"/></xs:sequence></xs:complexType>`;
  expect(emitAll(compileTexts({ "a.xsd": schema(body) }))["types/a"]).toContain("} & never;");
});

describe("includes", () => {
  const part = '<xs:include schemaLocation="../wrong/part.xsd"/>';
  const files = {
    "a.xsd": schema(`${part}<xs:element name="Message" type="t:Part"/>`),
    "deep/part.xsd": schema('<xs:complexType name="Part"><xs:attribute name="x"/></xs:complexType>'),
  };

  it("finds an included document by its name when the location is wrong", () => {
    const world = compileTexts(files);
    expect(world.refused).toEqual([]);
    expect(world.compiled.map((c) => c.unit.family)).toEqual(["a"]);
  });

  it("makes one family for each of two messages that share a part and a name", () => {
    const b = schema(`${part}<xs:element name="Message" type="xs:string"/>`);
    const world = compileTexts({ ...files, "b.xsd": b });
    expect(world.refused).toEqual([]);
    expect(world.compiled.map((c) => [c.unit.family, c.unit.docs.map((d) => d.file)])).toEqual([
      ["a", ["a.xsd", "deep/part.xsd"]],
      ["b", ["b.xsd", "deep/part.xsd"]],
    ]);
  });

  it("reads the entities of an internal subset, as the published xmldsig schema needs", () => {
    const doctype = `<!DOCTYPE schema [<!ENTITY ns 'urn:test'>]>`;
    const world = compileTexts({
      "a.xsd":
        doctype +
        schema('<xs:element name="E" type="t:T"/><xs:complexType name="T"/>').replace('t="urn:test"', 't="&ns;"'),
    });
    expect(world.refused).toEqual([]);
    expect(world.compiled[0]?.elements.length).toBe(1);
  });
});

describe("refusals", () => {
  it.each([
    ["<xs:redefine schemaLocation='x.xsd'/>", "<redefine>"],
    ["<xs:notation name='n' public='p'/>", "<notation>"],
    [
      "<xs:complexType name='T'><xs:sequence><xs:assert test='1'/></xs:sequence></xs:complexType>",
      "<assert> inside <sequence>",
    ],
    ["<xs:element name='E' type='t:Missing'/>", 'reference to type "{urn:test}Missing"'],
    ["<xs:element name='E' type='o:X'/>", 'prefix "o"'],
    ["<xs:element name='E' type='xs:NOTATION'/>", "NOTATION"],
    ["<xs:element name='E' type='xs:string'><xs:complexType/></xs:element>", "an inline type"],
    ["<xs:element name='E' minOccurz='1'/>", "attribute minOccurz"],
    ["<xs:complexType name='T'><xs:sequence minOccurs='x'/></xs:complexType>", 'minOccurs="x"'],
    ["<xs:complexType name='T'><xs:sequence minOccurs='2'/></xs:complexType>", "minOccurs 2 above"],
    [
      "<xs:complexType name='T'><xs:complexContent><xs:extension base='t:T'/></xs:complexContent></xs:complexType>",
      "circular definition",
    ],
    ["<xs:group name='G'><xs:sequence><xs:group ref='t:G'/></xs:sequence></xs:group>", "circular definition"],
    ["<xs:simpleType name='S'/>", "empty simpleType"],
    [
      "<xs:simpleType name='S'><xs:restriction base='xs:string'><xs:length value='x'/></xs:restriction></xs:simpleType>",
      'length "x"',
    ],
    [
      "<xs:simpleType name='S'><xs:restriction base='xs:string'><xs:whiteSpace value='x'/></xs:restriction></xs:simpleType>",
      "whiteSpace",
    ],
    ["<xs:element name='E' type='xs:string'/><xs:element name='E' type='xs:int'/>", 'a second element "E"'],
    [
      "<xs:complexType name='T'><xs:attribute name='a'/><xs:attribute name='a'/></xs:complexType>",
      'attribute "a" twice',
    ],
    [
      "<xs:complexType name='T'><xs:sequence><xs:any processContents='maybe'/></xs:sequence></xs:complexType>",
      "processContents",
    ],
    ["<xs:include schemaLocation='absent.xsd'/>", 'include of "absent.xsd"'],
    ["<xs:import namespace='urn:gone'/><xs:element name='E' xmlns:g='urn:gone' type='g:T'/>", "{urn:gone}T"],
    ["text", "text inside <schema>"],
    ["<element name='x'/>", "<element>"],
  ])("names file, line and construct for %s", (body, construct) => {
    const [refusal] = compileTexts({ "dir/bad.xsd": schema(`\n${body}`) }).refused;
    expect(refusal?.message).toMatch(/^dir\/bad\.xsd:[12]: expected /);
    expect(refusal?.message).toContain(construct);
  });

  it("names ill-formed documents and bytes in the wrong encoding", () => {
    const output = generateFromFolder(
      folder({
        "a.xsd": "<xs:schema",
        "b.xsd": schema("").replace("<xs", '<?xml version="1.0" encoding="ascii-x"?><xs'),
        "c.xsd": "<html/>",
      }),
    );
    expect(output.refused.map((r) => r.message)).toEqual([
      expect.stringMatching(/^a\.xsd:1: expected a well-formed document, found ill-formed XML/),
      "b.xsd:1: expected a document in its declared encoding, found bytes that are not ascii-x",
      expect.stringMatching(/^c\.xsd:1: expected <schema>/),
    ]);
  });

  it("refuses odd files by name, reads UTF-16, and goes on", () => {
    const good = schema('<xs:element name="E" type="xs:string"/>', 'targetNamespace="urn:good"');
    const dir = folder({
      "cycle/a.xsd": schema('<xs:include schemaLocation="b.xsd"/><xs:element name="E" type="t:T"/>'),
      "cycle/b.xsd": schema(
        '<xs:include schemaLocation="a.xsd"/><xs:include schemaLocation="b.xsd"/><xs:complexType name="T"/>',
      ),
      "deep.xsd": schema(
        `<xs:complexType name="T">${"<xs:sequence>".repeat(300)}${"</xs:sequence>".repeat(300)}</xs:complexType>`,
      ),
      "escape.xsd": schema('<xs:include schemaLocation="%zz.xsd"/>', 'targetNamespace="urn:z"'),
      "line\nend.xsd": good,
      "readme.txt": "no schema",
      "zero.xsd": "",
    });
    const utf16 = `<?xml version="1.0" encoding="utf-16"?>${good.replace("urn:good", "urn:wide")}`;
    writeFileSync(join(dir, "wide.xsd"), Buffer.from(utf16, "utf16le"));
    writeFileSync(
      join(dir, "marked.xsd"),
      Buffer.concat([Buffer.from("\uFEFF<a"), Buffer.from([0xff]), Buffer.from("/>")]),
    );
    symlinkSync("nowhere.xsd", join(dir, "broken.xsd"));
    symlinkSync(".", join(dir, "loop"));
    const output = generateFromFolder(dir);
    expect(output.refused.map((r) => r.message)).toEqual([
      "broken.xsd: expected a file that can be read, found none, or a link that leads nowhere",
      "deep.xsd:1: expected at most 256 elements inside each other, found more",
      'escape.xsd:1: expected a schemaLocation that is present in the folder, found include of "%zz.xsd"',
      '"line\\nend.xsd": expected a file name without control characters, found another',
      "marked.xsd:1: expected a document in its declared encoding, found bytes that are not utf-8",
      expect.stringMatching(/^zero\.xsd:1: expected a well-formed document/),
    ]);
    expect(output.files.map((f) => f.path)).toContain("types/wide.ts");
    expect(output.families).toBe(2);
  });

  it("gives no property a name that every object or the object model has", () => {
    const names = ["toString", "__proto__", "constructor"].map((n) => `<xs:element name="${n}" type="xs:string"/>`);
    const world = compileTexts({
      "a.xsd": schema(
        `<xs:complexType name="T"><xs:sequence>${names.join("")}</xs:sequence><xs:attribute name="ns"/><xs:attribute name="schemaLocation"/></xs:complexType>`,
      ),
    });
    const [types] = Object.values(emitAll(world));
    for (const prop of ["toString_", "__proto___", "constructor_", "$ns_", "$schemaLocation_"])
      expect(types).toContain(`prop: "${prop}"`);
  });

  it("compares deep models without writing texts inside texts", () => {
    const deep = "<xs:sequence>".repeat(60) + "</xs:sequence>".repeat(60);
    const other = `<xs:include schemaLocation="a.xsd"/>`;
    const type = `<xs:complexType name="T">${deep}</xs:complexType>`;
    expect(compileTexts({ "a.xsd": schema(type), "b.xsd": schema(other) }).refused).toEqual([]);
  });

  it("refuses a family whose rules cannot be written, and those that need it", () => {
    const bad = schema(
      "<xs:simpleType name='S'><xs:restriction base='xs:string'><xs:pattern value='\\p{IsKlingon}'/></xs:restriction></xs:simpleType>",
    );
    const user = schema(
      "<xs:import namespace='urn:test'/><xs:element name='U' xmlns:t='urn:test' type='t:S'/>",
      'targetNamespace="urn:user"',
    );
    const output = generateFromFolder(folder({ "bad.xsd": bad, "user.xsd": user, "good.xsd": family["other.xsd"] }));
    expect(output.refused.map((r) => r.file)).toEqual(["bad.xsd", "user.xsd"]);
    expect(output.files.map((f) => f.path)).toEqual([
      "types/good.ts",
      "rules/good.ts",
      "types/index.ts",
      "rules/index.ts",
    ]);
  });
});

function field(name: string, type: string): [string, string] {
  return [name, type];
}

describe("checkSkeleton()", () => {
  it("counts the fields on which xsd2ts and the model agree", () => {
    expect(checkSkeleton(compileTexts(family))).toEqual({ types: 3, fields: 5 });
  });

  it.each<[string, (s: Skeleton) => Skeleton, RegExp]>([
    [
      "a lost field",
      (s) => s.map(([n, p]) => [n, p.slice(1)]),
      /expected 3 fields, found 2 fields in xsd2ts's skeleton/,
    ],
    ["a lost class", () => [], /found no class/],
    [
      "another type",
      (s) => s.map(([n, p]) => [n, p.map(([k, t]) => [k, t === "string" ? "number" : t])]),
      /expected "A\?: string", found "A\?: number"/,
    ],
  ])("stops with the place at %s", (_, change, message) => {
    const world = compileTexts(family);
    const whole: Skeleton = [
      ["T0_CV", [field("$V?", "string"), field("$dummy", "string")]],
      ["T1_Ext", [field("$V?", "string"), field("$dummy", "string")]],
      ["T2_Head", [field("Code", "T0_CV"), field("A?", "string"), field("B?", "T1_Ext"), field("$dummy", "string")]],
    ];
    expect(checkSkeleton(world, () => whole)).toEqual({ types: 3, fields: 5 });
    const only = (s: Skeleton): Skeleton => [...whole.slice(0, 2), ...s.slice(2)];
    expect(() => checkSkeleton(world, () => only(change(whole)))).toThrow(message);
  });
});

describe("familyName()", () => {
  it("gives different paths different names", () => {
    const paths = [
      "a/b.xsd",
      "a--b.xsd",
      "a-/b.xsd",
      "a/-b.xsd",
      "a_b.xsd",
      "å.xsd",
      "_ue5_.xsd",
      "index.xsd",
      "a b.xsd",
      "a.b.xsd",
    ];
    const names = paths.map(familyName);
    expect(new Set(names).size).toBe(paths.length);
    expect(names.every((n) => /^[A-Za-z0-9._-]+$/.test(n) && n !== "index")).toBe(true);
  });
});

describe("command line", () => {
  const cli = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
  const run = (...args: string[]): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [cli, ...args], { encoding: "utf8" });

  it("writes types and rules, reports what it refused, and fails only when asked", () => {
    const from = folder({ ...family, "bad.xsd": schema("<xs:redefine/>") });
    const out = folder({});
    const result = run("--from", from, "--out", out);
    expect(result.stderr).toBe(
      "gen-xsd: refused bad.xsd: bad.xsd:1: expected include, import, element, attribute, complexType, simpleType, group or attributeGroup, found <redefine>\n",
    );
    expect(result.stdout).toBe(
      `gen-xsd: 4 schemas, 3 families, 3 types, 5 fields agree with xsd2ts, 1 refused; 8 files in ${out}\n`,
    );
    expect(result.status).toBe(0);
    expect(readFileSync(join(out, "types/index.ts"), "utf8")).toContain('"data--types": $data__types.elements,');
    expect(run("--from", from, "--out", out, "--strict").status).toBe(1);
  });

  it("does not empty a folder that holds other files", () => {
    const out = folder({ "types/mine.ts": "export {};\n" });
    const result = run("--from", folder(family), "--out", out);
    expect(result.status).toBe(1);
    expect(result.stderr).toContain("a file that this generator did not write");
    expect(readFileSync(join(out, "types/mine.ts"), "utf8")).toBe("export {};\n");
  });
});
