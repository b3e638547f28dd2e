import { XmlDocument, XsdValidator } from "libxml2-wasm";
import { describe, expect, it } from "vitest";
import { builtinRule } from "./known-types.ts";
import type { SimpleRule } from "./rules.ts";
import { checkSimple, sameValue } from "./simple.ts";
import { order } from "./values.ts";

function rule(base: string, more: Partial<SimpleRule> = {}): SimpleRule {
  const content = builtinRule(base)?.content;
  if (content?.kind !== "simple") throw new Error("expected a built-in simple type");
  return { ...content.type(), ...more };
}

/** For each value, whether libxml2 takes it under each facet of a bound, in this order. */
const facets = ["minInclusive", "maxInclusive", "minExclusive", "maxExclusive", "enumeration"] as const;

function official(base: string, bounds: readonly string[], values: readonly string[]): Map<string, boolean> {
  const elements = bounds.flatMap((bound, n) =>
    facets.map(
      (f) =>
        `<xs:element name="${f}${n}"><xs:simpleType><xs:restriction base="xs:${base}"><xs:${f} value="${bound}"/></xs:restriction></xs:simpleType></xs:element>`,
    ),
  );
  const validator = XsdValidator.fromDoc(
    XmlDocument.fromString(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">${elements.join("")}</xs:schema>`),
  );
  const out = new Map<string, boolean>();
  for (const [n, bound] of bounds.entries())
    for (const facet of facets)
      for (const value of values) {
        let valid = true;
        try {
          validator.validate(XmlDocument.fromString(`<${facet}${n}>${value}</${facet}${n}>`));
        } catch {
          valid = false;
        }
        out.set(`${facet} ${bound}: ${value}`, valid);
      }
  return out;
}

function ours(base: string, bounds: readonly string[], values: readonly string[]): Map<string, boolean> {
  const out = new Map<string, boolean>();
  for (const bound of bounds)
    for (const facet of facets)
      for (const value of values) {
        const judged = rule(base, { [facet]: facet === "enumeration" ? [bound] : bound });
        out.set(`${facet} ${bound}: ${value}`, checkSimple(judged, value) === undefined);
      }
  return out;
}

const samples: Readonly<Record<string, readonly string[]>> = {
  duration:
    "P30D P1M P1Y P12M PT36H P1DT12H P1Y2M P14M PT0S P0Y -P1D -P1M -P30D P28D P31D P32D P365D P366D P367D P5M P149D P150D P153D P154D PT2161M PT1.5S PT1.50S PT1.51S P4Y P1460D P1461D P1462D P1M1D P29D P1MT1S -P1Y1D".split(
      " ",
    ),
  date: ["2020-01-01", "2020-01-01Z", "2020-01-01+14:00", "2019-12-31Z", "2020-01-02", "2020-01-03Z", "2019-12-30Z"],
  dateTime: ["2020-01-01T00:00:00", "2020-01-01T00:00:00Z", "2020-01-01T01:00:00+01:00", "2019-12-31T09:59:59Z"],
  gYear: ["2000", "2001Z", "1999Z", "2000Z"],
  decimal: ["1", "1.0", "-0", "0", "0.1", "10"],
  time: ["12:00:00", "11:59:59.99", "24:00:00", "00:00:00", "12:00:00.00"],
  double: ["1", "1.0", "1e0", "INF", "-INF", "NaN", "-0", "0"],
  float: ["1", "INF", "16777216", "16777217", "0.1", "0.10000000001"],
};

/** Where libxml2 leaves the specification: see tools/conformance/known-differences.md. */
const deviations: readonly RegExp[] = [
  /P28D: P1MT1S|P1MT1S: P28D/,
  /2020-01-01: 2020-01-01\+14:00|2020-01-01\+14:00: 2020-01-01$/,
  /NaN: (?!NaN)|(?:min|max)\S+ (?!NaN).*: NaN/,
  /24:00:00/,
];

describe("values", () => {
  it.each(Object.entries(samples))("of xs:%s are ordered as libxml2 does", (base, values) => {
    const theirs = official(base, values, values);
    const mine = ours(base, values, values);
    expect(
      [...mine].filter(([what, valid]) => theirs.get(what) !== valid && !deviations.some((d) => d.test(what))),
    ).toEqual([]);
  });

  it("follow the specification where libxml2 does not", () => {
    expect(order("duration", "P28D", "P1MT1S")).toBe(-1);
    expect(order("duration", "P28D", "P1M")).toBeNaN();
    expect(order("duration", "P1M", "P30D")).toBeNaN();
    expect(order("date", "2020-01-01+14:00", "2020-01-01")).toBeNaN();
    expect(order("dateTime", "2019-12-31T23:59:59", "2020-01-01T00:00:00Z")).toBeNaN();
    expect(order("double", "NaN", "1")).toBeNaN();
    expect(order("double", "NaN", "NaN")).toBe(0);
    expect(order("time", "13:00:00+01:00", "12:00:00Z")).toBe(0);
    expect(order("time", "12:00:00", "12:00:00Z")).toBeNaN();
    expect(order("time", "24:00:00", "00:00:00")).toBe(0);
  });

  it("are equal in other words", () => {
    const list: SimpleRule = { name: "l", base: "anySimpleType", whiteSpace: "collapse", list: () => rule("int") };
    const union: SimpleRule = {
      name: "u",
      base: "anySimpleType",
      whiteSpace: "preserve",
      union: [() => list, () => rule("duration"), () => rule("string")],
    };
    const same: readonly [SimpleRule, string, string][] = [
      [rule("duration"), "P1Y", "P12M"],
      [rule("duration"), "P1D", "PT24H"],
      [rule("hexBinary"), "aB", "Ab"],
      [rule("base64Binary"), "YQ==", "Y Q = ="],
      [rule("date"), "2020-01-01Z", "2020-01-01+00:00"],
      [list, "1 2", " 01  2 "],
      [union, "1 2", "01 +2"],
      [union, "P1Y", " P12M "],
    ];
    for (const [r, a, b] of same) expect([a, b, sameValue(r, a, b)]).toEqual([a, b, true]);
    const other: readonly [SimpleRule, string, string][] = [
      [rule("duration"), "P1M", "P30D"],
      [rule("date"), "2020-01-01Z", "2020-01-01"],
      [rule("base64Binary"), "YQ==", "yq=="],
      [rule("anyURI"), "a", "A"],
      [list, "1 2", "1 2 3"],
      [union, "1", "1.0"],
      [union, "P1Y", "p1y"],
    ];
    for (const [r, a, b] of other) expect([a, b, sameValue(r, a, b)]).toEqual([a, b, false]);
  });

  it("of a union have their member's white space", () => {
    const union: SimpleRule = {
      name: "u",
      base: "anySimpleType",
      whiteSpace: "preserve",
      union: [() => rule("gYear"), () => rule("string")],
      patterns: ["^(?:\\d{4}| x)$"],
    };
    expect([" 2020 ", " x", "x"].map((t) => checkSimple(union, t)?.rule)).toEqual([
      undefined,
      undefined,
      "xsd/pattern",
    ]);
  });
});
