import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { registry } from "./_tables.ts";
import { canonicalInfoset, decodeXml, encodeXml, parseXml, serializeXml, type XmlElement } from "./index.ts";

const characters = fc
  .string({ unit: "binary" })
  .filter((s) => /^[\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u.test(s));
const localName = fc.constantFrom("a", "b", "Formål", "c-d", "type");
const uri = fc.constantFrom("", "urn:1", "urn:2", "http://www.kith.no/xmlstds/felleskomponent1");
const attributes = fc.uniqueArray(fc.record({ name: localName, ns: uri, value: characters }), {
  selector: (a) => `${a.ns} ${a.name}`,
  maxLength: 3,
});

/** Joins adjacent text, as a parser does. */
function normal(element: XmlElement): XmlElement {
  const content: (string | XmlElement)[] = [];
  for (const item of element.content) {
    const last = content.at(-1);
    if (typeof item !== "string") content.push(normal(item));
    else if (typeof last === "string") content[content.length - 1] = last + item;
    else if (item !== "") content.push(item);
  }
  return { ...element, content };
}

const tree = fc.letrec<{ element: XmlElement }>((tie) => ({
  element: fc.record({
    name: localName,
    ns: uri,
    attributes,
    content: fc.array(fc.oneof({ depthSize: "small" }, characters, tie("element")), { maxLength: 4 }),
  }),
})).element;

describe("trees", () => {
  it("read back as they were written", () => {
    fc.assert(
      fc.property(tree, (element) => {
        const again = parseXml(serializeXml(element));
        expect(canonicalInfoset(again, { ignoreLayout: false })).toBe(
          canonicalInfoset(normal(element), { ignoreLayout: false }),
        );
      }),
      { numRuns: 300 },
    );
  });
});

const cv = fc.record({ $V: characters, $S: characters }, { requiredKeys: [] });
const ident = fc.record({ Id: characters, TypeId: cv });
const nonEmpty = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 3 });
const root = fc.record(
  {
    Name: characters,
    Ident: nonEmpty(ident),
    Ratio: fc.record({ NUM: characters, DENOM: characters }, { requiredKeys: [] }),
    Price: fc.record({ $U: characters, $text: characters }),
    List: fc.record({
      $items: nonEmpty(
        fc.oneof(
          fc.record({ name: fc.constant("{urn:m}A"), value: characters }),
          fc.record({ name: fc.constant("{urn:m}B"), value: cv }),
        ),
      ),
    }),
    Content: fc.record({
      $any: nonEmpty(
        fc.oneof(
          fc.record({ name: fc.constant("{urn:b}Base64"), value: characters }),
          tree.map((t) => ({ name: t.ns === "" ? t.name : `{${t.ns}}${t.name}`, element: normal(t) })),
        ),
      ),
    }),
  },
  { requiredKeys: ["Name"] },
);

/** Without the prefix bindings that a parser notes where text happens to look like a prefixed name. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, v: unknown) => (key === "namespaces" ? undefined : v)));

describe("objects", () => {
  it("decode to what was encoded", () => {
    fc.assert(
      fc.property(root, (value) => {
        const { value: again } = decodeXml(encodeXml("{urn:m}Root", value, { registry }), { registry });
        expect(plain(again)).toEqual(plain(value));
      }),
      { numRuns: 300 },
    );
  });
});
