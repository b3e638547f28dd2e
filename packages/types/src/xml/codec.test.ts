import { HelsekontaktError } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { bytes, registry } from "./_tables.ts";
import type { ElementRegistry, TypeTable } from "./table.ts";
import { decodeElement, decodeXml, encodeXml, parseXml, serializeXml } from "./index.ts";

const text = (b: Uint8Array): string => new TextDecoder().decode(b);
const ns = 'xmlns="urn:m" xmlns:f="urn:f"';
const decode = (xml: string, mode: "strict" | "tolerant" = "strict") => decodeXml(bytes(xml), { registry, mode });

function failure(act: () => unknown): HelsekontaktError {
  try {
    act();
  } catch (error) {
    if (error instanceof HelsekontaktError) return error as HelsekontaktError;
    throw error;
  }
  throw new Error("expected a failure");
}

describe("decodeXml()", () => {
  it("reads children of a foreign type in that type's namespace, and lists as arrays", () => {
    const xml = `<Root ${ns}><Name>a &amp; b</Name><Ident><f:Id>1</f:Id><f:TypeId V="HER" S="1.2"/></Ident></Root>`;
    expect(decode(xml)).toEqual({
      name: "{urn:m}Root",
      value: { Name: "a & b", Ident: [{ Id: "1", TypeId: { $V: "HER", $S: "1.2" } }] },
      tolerated: [],
    });
  });

  it("reads elements without namespace, simple content, CDATA and lexical forms as they stand", () => {
    const xml = `<Root ${ns}><Name> x<![CDATA[<y>]]> </Name><Ratio><NUM xmlns="">01</NUM></Ratio><Price U="NOK">1.50</Price></Root>`;
    expect(decode(xml).value).toEqual({ Name: " x<y> ", Ratio: { NUM: "01" }, Price: { $U: "NOK", $text: "1.50" } });
  });

  it("keeps anyType with xsi:type and XHTML", () => {
    const plain = decode(
      `<Root ${ns} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:q="http://www.w3.org/2001/XMLSchema"><Name/><Text xsi:type="q:string" lang="no">hi</Text></Root>`,
    ).value;
    expect(plain).toEqual({
      Name: "",
      Text: {
        $type: "{http://www.w3.org/2001/XMLSchema}string",
        $attributes: [{ name: "lang", ns: "", value: "no" }],
        $content: ["hi"],
      },
    });
    expect(text(encodeXml("{urn:m}Root", plain as object, { registry, declaration: false }))).toBe(
      '<Root xmlns="urn:m" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Name/><Text xsi:type="xs:string" lang="no">hi</Text></Root>',
    );
    const html = decode(`<Root ${ns}><Name/><Text>a<p xmlns="urn:x">b</p>c</Text></Root>`).value;
    expect(html).toMatchObject({ Text: { $content: ["a", { name: "{urn:x}p", element: { content: ["b"] } }, "c"] } });
  });

  it("decodes known elements behind a wildcard and keeps unknown ones as trees", () => {
    const xml = `<Root ${ns}><Name/><Content><Base64 xmlns="urn:b">AA==</Base64><u:x xmlns:u="urn:u" a="1"/></Content></Root>`;
    const { value } = decode(xml);
    expect(value).toMatchObject({
      Content: {
        $any: [
          { name: "{urn:b}Base64", value: "AA==" },
          { name: "{urn:u}x", element: { ns: "urn:u", attributes: [{ name: "a", ns: "", value: "1" }], content: [] } },
        ],
      },
    });
    expect(text(encodeXml("{urn:m}Root", value as object, { registry, declaration: false }))).toBe(
      '<Root xmlns="urn:m"><Name/><Content><Base64 xmlns="urn:b">AA==</Base64><x xmlns="urn:u" a="1"/></Content></Root>',
    );
  });

  it("gives an element whose turn has passed to a wildcard behind it, and lets none stand in front", () => {
    const type: TypeTable = {
      name: "{urn:w}W",
      content: "fields",
      attributes: [],
      fields: [
        { prop: "n", name: "n", ns: "urn:w", type: "text" },
        { prop: "m", name: "m", ns: "urn:w", type: "text", optional: true },
      ],
      wildcards: [{ before: 2, many: true, optional: true, namespaces: "##any", process: "lax" }],
    };
    const registry: ElementRegistry = {
      "{urn:w}w": { name: "w", ns: "urn:w", type: () => type },
      "{urn:w}n": { name: "n", ns: "urn:w", type: "text" },
    };
    const round = (xml: string) => {
      const { value } = decodeXml(bytes(xml), { registry });
      expect(text(encodeXml("{urn:w}w", value, { registry, declaration: false }))).toBe(xml);
      return value;
    };
    const again = { name: "{urn:w}n", value: "2" };
    expect(round('<w xmlns="urn:w"><n>1</n><m/><n>2</n></w>')).toEqual({ n: "1", m: "", $any: [again] });
    expect(round('<w xmlns="urn:w"><n>1</n><n>2</n><n>2</n></w>')).toEqual({ n: "1", $any: [again, again] });
    const early = {
      ...type,
      wildcards: [{ before: 0, many: true, optional: true, namespaces: "##any", process: "lax" }],
    };
    const strict = { "{urn:w}w": { name: "w", ns: "urn:w", type: () => early as TypeTable } };
    expect(() => decodeXml(bytes('<w xmlns="urn:w"><n/><x xmlns=""/></w>'), { registry: strict })).toThrow(
      "expected the element earlier",
    );
  });

  it("keeps the prefixes of names in values, and a name's default namespace", () => {
    const qname: TypeTable = {
      name: "{http://www.w3.org/2001/XMLSchema}QName",
      content: "text",
      names: true,
      attributes: [],
      fields: [],
    };
    const type: TypeTable = {
      name: "N",
      content: "fields",
      attributes: [{ prop: "$a", name: "a", ns: "", names: true }],
      fields: [{ prop: "q", name: "q", ns: "urn:w", type: () => qname, many: true }],
      derived: () => [type],
    };
    const base: TypeTable = { ...type, name: "{urn:w}B", derived: () => [type] };
    const registry: ElementRegistry = { "{urn:w}w": { name: "w", ns: "urn:w", type: () => base } };
    const write = (value: object) => text(encodeXml("{urn:w}w", value, { registry, declaration: false }));
    const { value } = decodeXml(
      bytes(`<x:w xmlns:x="urn:w" xmlns:o="urn:o" a="o:n"><x:q>y</x:q><x:q xmlns:o="urn:p"> o:n x:n</x:q></x:w>`),
      { registry },
    );
    expect(value).toEqual({
      $a: "o:n",
      $namespaces: { o: "urn:o" },
      q: [
        { $text: "y", $namespaces: { "": "" } },
        { $text: " o:n x:n", $namespaces: { o: "urn:p", x: "urn:w" } },
      ],
    });
    expect(write(value as object)).toBe(
      '<w xmlns:o="urn:o" xmlns="urn:w" xmlns:ns1="urn:w" a="o:n"><ns1:q xmlns="">y</ns1:q><q xmlns:o="urn:p" xmlns:x="urn:w"> o:n x:n</q></w>',
    );
    // Every prefix that a document may declare: with signs of the letters before, and reserved ones.
    for (const prefix of ["xmldsig", "e\u0301", "a\u00b7"]) {
      const xml = `<w xmlns:${prefix}="urn:o" xmlns="urn:w" a="${prefix}:n"><q xmlns:${prefix}="urn:p">${prefix}:n</q></w>`;
      expect(write(decodeXml(bytes(xml), { registry }).value as object)).toBe(xml);
    }
    // A type without namespace is named without a prefix, where no default namespace is.
    expect(write({ $type: "N", q: [{ $text: "y" }] })).toBe(
      '<ns1:w xmlns:ns1="urn:w" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="N"><ns1:q>y</ns1:q></ns1:w>',
    );
    for (const $namespaces of [
      { "a b": "urn:x" },
      { "a:b": "urn:x" },
      { p: "" },
      { xmlns: "urn:x" },
      { xml: "urn:x" },
      { p: 1 },
      "urn:x",
    ])
      expect(() => write({ q: [{ $text: "p:y", $namespaces }] })).toThrow("expected prefixes");
  });

  it("keeps order in item lists and mixed content", () => {
    const xml = `<Root ${ns} xmlns:k="urn:k"><Name/><List><B V="1"/><A>2</A><B V="3"/></List><Mixed k:MT="t" z="1">x<B V="4"/>y</Mixed></Root>`;
    const { value } = decode(xml);
    expect(value).toMatchObject({
      List: {
        $items: [{ name: "{urn:m}B", value: { $V: "1" } }, { name: "{urn:m}A", value: "2" }, { value: { $V: "3" } }],
      },
      Mixed: { $MT: "t", $attributes: [{ name: "z" }], $content: ["x", { name: "{urn:m}B", value: { $V: "4" } }, "y"] },
    });
    const again = decodeXml(encodeXml("{urn:m}Root", value as object, { registry }), { registry });
    expect(again.value).toEqual(value);
  });

  it("follows xsi:type to a derived type and keeps xsi:nil", () => {
    const xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
    const xml = `<Root ${ns} ${xsi}><Name/><Ident xsi:type="Extended"><f:Id>1</f:Id><f:TypeId/><More>2</More></Ident><Gone xsi:nil="true"/></Root>`;
    const { value } = decode(xml);
    expect(value).toMatchObject({ Ident: [{ $type: "{urn:m}Extended", More: "2" }], Gone: { $nil: true } });
    const out = encodeXml("{urn:m}Root", value as object, { registry });
    expect(decodeXml(out, { registry }).value).toEqual(value);
  });

  it("sees xsi:type also where a reference hides the namespace in its declaration", () => {
    const xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema&#45;instance"';
    const xml = `<Root ${ns} ${xsi}><Name/><Ident xsi:type="Extended"><f:Id>1</f:Id><f:TypeId/><More>2</More></Ident></Root>`;
    expect(decode(xml).value).toMatchObject({ Ident: [{ $type: "{urn:m}Extended", More: "2" }] });
  });

  it("keeps schema location hints, also of a payload that is only text", () => {
    const xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
    const xml = `<Root ${ns} ${xsi} xsi:schemaLocation="urn:m m.xsd"><Name/><Content><Base64 xmlns="urn:b" xsi:schemaLocation="urn:b b.xsd"/></Content></Root>`;
    const { value } = decode(xml);
    expect(value).toMatchObject({
      $schemaLocation: "urn:m m.xsd",
      Content: { $any: [{ schemaLocation: "urn:b b.xsd", value: "" }] },
    });
    expect(decodeXml(encodeXml("{urn:m}Root", value as object, { registry }), { registry }).value).toEqual(value);
  });

  it("reads OtherReceiver/Person in either namespace and writes it back in the same", () => {
    const mh = "http://www.kith.no/xmlstds/msghead/2006-05-24";
    const fk1 = "http://www.kith.no/xmlstds/felleskomponent1";
    const wrap = (inner: string) =>
      `<OtherReceiver xmlns="${mh}" xmlns:fk1="${fk1}"><Person>${inner}</Person></OtherReceiver>`;
    expect(decode(wrap("<FamilyName>x</FamilyName>")).value).toEqual({ Person: { FamilyName: "x" } });
    const { value } = decode(wrap("<fk1:FamilyName>x</fk1:FamilyName>"));
    expect(value).toEqual({ Person: { $ns: fk1, FamilyName: "x" } });
    expect(text(encodeXml(`{${mh}}OtherReceiver`, value as object, { registry, declaration: false }))).toBe(
      `<OtherReceiver xmlns="${mh}" xmlns:fk1="${fk1}"><Person><fk1:FamilyName>x</fk1:FamilyName></Person></OtherReceiver>`,
    );
  });

  it.each([
    ["unknown root", "<X/>", "xml/unknown-root", undefined, 1],
    ["a root that every object has", "<constructor/>", "xml/unknown-root", undefined, 1],
    [
      "xsi:type on plain text",
      `<Root ${ns} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:x="http://www.w3.org/2001/XMLSchema">\n<Name xsi:type="x:token"/></Root>`,
      "xml/unexpected-element",
      "/Root/Name",
      2,
    ],
    ["unknown element", `<Root ${ns}>\n<Name/>\n<Nope/></Root>`, "xml/unexpected-element", "/Root/Nope", 3],
    ["wrong namespace", `<Root ${ns}><f:Name/></Root>`, "xml/unexpected-element", "/Root/Name", 1],
    ["order", `<Root ${ns}>\n<Ratio/>\n<Name/></Root>`, "xml/unexpected-element", "/Root/Name", 3],
    ["twice", `<Root ${ns}><Name/><Name/></Root>`, "xml/unexpected-element", "/Root/Name", 1],
    [
      "missing element",
      `<Root ${ns}><Name/>\n<Ident><f:Id/></Ident></Root>`,
      "xml/missing-element",
      "/Root/Ident[1]",
      2,
    ],
    ["missing attribute", `<Root ${ns}><Name/><Price>1</Price></Root>`, "xml/missing-element", "/Root/Price", 1],
    ["undeclared attribute", `<Root ${ns} a="1"><Name/></Root>`, "xml/unexpected-element", "/Root", 1],
    ["text between elements", `<Root ${ns}>x<Name/></Root>`, "xml/unexpected-element", "/Root", 1],
    ["element in text", `<Root ${ns}><Name><b/></Name></Root>`, "xml/unexpected-element", "/Root/Name/b", 1],
  ])("refuses in strict mode: %s", (_, xml, code, path, line) => {
    const error = failure(() => decode(xml));
    expect(error.code).toBe(code);
    expect(error.context.line).toBe(line);
    expect(error.context.path).toBe(path);
  });

  it("joins text around comments, instructions and CDATA, in plain and in free content", () => {
    const inner = "a<!-- x -->b<?p i?>c<![CDATA[<d>]]>";
    const { value } = decode(`<Root ${ns}><Name>${inner}</Name><Text>${inner}</Text></Root>`);
    expect(value).toEqual({ Name: "abc<d>", Text: { $content: ["abc<d>"] } });
  });

  it("keeps an element whose name every object has as a tree", () => {
    const xml = `<Root ${ns}><Name/><Text><constructor xmlns=""/></Text></Root>`;
    const { value } = decode(xml);
    expect(value).toMatchObject({ Text: { $content: [{ name: "constructor", element: { name: "constructor" } }] } });
    expect(decodeXml(encodeXml("{urn:m}Root", value as object, { registry }), { registry }).value).toEqual(value);
    expect(failure(() => encodeXml("constructor", {}, { registry })).code).toBe("xml/unknown-root");
  });

  it("lets known elements out of order and undeclared attributes pass in tolerant mode, and says so", () => {
    const result = decode(`<Root ${ns} a="1"><Ratio/><Name>n</Name></Root>`, "tolerant");
    expect(result.value).toEqual({ Ratio: {}, Name: "n" });
    expect(result.tolerated.map((t) => t.path)).toEqual(["/Root", "/Root/Name"]);
    expect(failure(() => decode(`<Root ${ns}><Nope/></Root>`, "tolerant")).code).toBe("xml/unexpected-element");
  });

  it("lists a thousand places that it let pass, and says how many more there are", () => {
    const unknown = Array.from({ length: 150 }, (_, i) => `a${i}="1"`).join(" ");
    const { tolerated } = decode(`<Root ${ns}><Name/><List>${`<B ${unknown}/>`.repeat(20)}</List></Root>`, "tolerant");
    expect(tolerated).toHaveLength(1_001);
    expect(tolerated[999]?.message).toBe("expected only attributes that the schema has here, found another");
    expect(tolerated[1_000]).toEqual({
      path: "/Root",
      message: "expected at most 1000 places in the list, found more: 2000 are counted only",
    });
  });

  it("hands the original bytes back when asked", () => {
    const input = bytes(`<Root ${ns}><Name/></Root>`);
    expect(decodeXml(input, { registry, keepBytes: true }).bytes).toBe(input);
  });
});

describe("decodeElement()", () => {
  it("gives the same object as decodeXml()", () => {
    const xml = bytes(
      `<Root ${ns} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Name>n</Name><Ident xsi:type="Extended"><f:Id>1</f:Id><f:TypeId V="2"/><More/></Ident></Root>`,
    );
    expect(decodeElement(parseXml(xml), { registry })).toEqual(decodeXml(xml, { registry }));
  });
});

describe("encodeXml()", () => {
  it.each([
    ["a missing element", {}, "/Root/Name"],
    ["an unknown property", { Name: "", Nope: "17851360018" }, "/Root/Nope"],
    ["an unknown attribute", { Name: "", $x: "17851360018" }, "/Root/@x"],
    ["a number", { Name: 17851360018 }, "/Root/Name"],
    ["a list for one", { Name: ["17851360018"] }, "/Root/Name"],
    ["one for a list", { Name: "", Ident: { Id: "17851360018" } }, "/Root/Ident"],
    ["a control character", { Name: "17851360018\u0000" }, "/Root/Name"],
    ["half a surrogate pair", { Name: "17851360018\ud800" }, "/Root/Name"],
    ["a missing attribute", { Name: "", Price: { $text: "17851360018" } }, "/Root/Price/@U"],
    ["a nested fault", { Name: "", Ident: [{ Id: "1", TypeId: {} }, { Id: "17851360018" }] }, "/Root/Ident[2]/TypeId"],
    [
      "an unknown payload",
      { Name: "", Content: { $any: [{ name: "{urn:u}x", value: "17851360018" }] } },
      "/Root/Content/x",
    ],
  ])("refuses %s with its path and without its value", (_, value, path) => {
    const error = failure(() => encodeXml("{urn:m}Root", value, { registry }));
    expect(error.code).toBe("xml/not-encodable");
    expect(error.context.path).toBe(path);
    expect(JSON.stringify(error) + String(error)).not.toContain("17851360018");
  });

  it("writes equal bytes for objects whose properties were set in another order", () => {
    const a = encodeXml("{urn:m}Root", { Name: "n", Ratio: { NUM: "1", DENOM: "2" } }, { registry });
    const b = encodeXml("{urn:m}Root", { Ratio: { DENOM: "2", NUM: "1" }, Name: "n" }, { registry });
    expect(text(a)).toBe(text(b));
    expect(text(a)).toContain('<Ratio><NUM xmlns="">1</NUM><DENOM xmlns="">2</DENOM></Ratio>');
  });

  it("escapes what a reader would change", () => {
    const value = { Name: '<&>"\r\n\t]]>', Ident: [{ Id: "😀", TypeId: { $V: "a\n\t\r\"'<&" } }] };
    expect(decodeXml(encodeXml("{urn:m}Root", value, { registry }), { registry }).value).toEqual(value);
  });
});

describe("serializeXml()", () => {
  it("keeps prefixes that values rely on, also against a clashing prefix", () => {
    const xml = `<a xmlns:t="urn:t" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><b xsi:type="t:T"/><c ref="t:x"/></a>`;
    const tree = parseXml(bytes(xml));
    const out = serializeXml(tree, { declaration: false });
    expect(text(out)).toBe(
      `<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><b xmlns:t="urn:t" xsi:type="t:T"/><c xmlns:t="urn:t" ref="t:x"/></a>`,
    );
    const clash = {
      name: "a",
      ns: "",
      attributes: [{ name: "x", ns: "urn:1", value: "" }],
      content: [],
      namespaces: { ns1: "urn:2" },
    };
    expect(parseXml(serializeXml(clash)).attributes).toEqual([{ name: "x", ns: "urn:1", value: "" }]);
  });
});
