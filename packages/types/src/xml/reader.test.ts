import { HelsekontaktError } from "@helsekontakt/core";
import iconv from "iconv-lite";
import { describe, expect, it } from "vitest";
import { bytes } from "./_tables.ts";
import {
  canonicalInfoset,
  decodeBase64Content,
  decodeXmlBytes,
  encodeBase64Content,
  parseXml,
  serializeXml,
} from "./index.ts";

const code = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return error instanceof HelsekontaktError ? (error as HelsekontaktError).code : String(error);
  }
  return "none";
};
function failure(act: () => unknown): HelsekontaktError {
  try {
    act();
  } catch (error) {
    if (error instanceof HelsekontaktError) return error as HelsekontaktError;
    throw error;
  }
  throw new Error("expected a failure");
}
const declared = (name: string) => `<?xml version="1.0" encoding="${name}"?><a>æøå €</a>`;

describe("decodeXmlBytes()", () => {
  it.each([
    ["UTF-8", iconv.encode(declared("UTF-8"), "utf8")],
    ["UTF-8 with mark", iconv.encode(declared("utf-8"), "utf8", { addBOM: true })],
    ["UTF-8 undeclared", bytes("<a>æøå €</a>")],
    ["UTF-16 LE with mark", iconv.encode(declared("UTF-16"), "utf-16le", { addBOM: true })],
    ["UTF-16 BE with mark", iconv.encode(declared("UTF-16"), "utf-16be", { addBOM: true })],
    ["UTF-16 LE without mark", iconv.encode(declared("UTF-16"), "utf-16le")],
    ["windows-1252", iconv.encode(declared("windows-1252"), "windows-1252")],
    ["iso-8859-15", iconv.encode(declared("ISO-8859-15"), "iso-8859-15")],
  ])("reads %s", (_, input) => {
    expect(parseXml(input).content).toEqual(["æøå €"]);
  });

  it.each(["windows-1252", "ISO-8859-15"])("reads every byte of %s as a library of encodings does", (name) => {
    const undefinedThere = new Set(name === "windows-1252" ? [0x81, 0x8d, 0x8f, 0x90, 0x9d] : []);
    const letters = Uint8Array.from({ length: 256 }, (_, byte) => byte).filter(
      (byte) => byte > 0x3e && !undefinedThere.has(byte),
    );
    const head = Buffer.from(`<?xml version="1.0" encoding="${name}"?>`);
    expect(decodeXmlBytes(Buffer.concat([head, letters])).text).toBe(
      head.toString() + iconv.decode(Buffer.from(letters), name),
    );
  });

  it.each(["windows-1252", "ISO-8859-15", "ISO-8859-1"])(
    "reads a long document in %s, wherever its letters stand",
    (name) => {
      const letters = Uint8Array.from({ length: 96 }, (_, n) => 0xa0 + n);
      const head = Buffer.from(`<?xml version="1.0" encoding="${name}"?><a b="`);
      for (const before of [0, 1, 65_400, 65_535, 140_000]) {
        const input = Buffer.concat([
          head,
          letters,
          Buffer.from(`">${"x".repeat(before)}`),
          letters,
          Buffer.from(`${"y".repeat(before)}</a>`),
        ]);
        const text = iconv.decode(Buffer.from(letters), name === "ISO-8859-1" ? "latin1" : name);
        const { attributes, content } = parseXml(input);
        expect([attributes[0]?.value, ...content]).toEqual([text, "x".repeat(before) + text + "y".repeat(before)]);
      }
    },
  );

  it("reads ISO-8859-1 as it is defined, not as windows-1252", () => {
    const input = iconv.encode('<?xml version="1.0" encoding="ISO-8859-1"?><a>æ\u0080</a>', "latin1");
    expect(parseXml(input).content).toEqual(["æ\u0080"]);
  });

  it.each([
    ["UTF-8 that is not", Buffer.from([0x3c, 0x61, 0x3e, 0xff])],
    ["a mark against the declaration", iconv.encode(declared("ISO-8859-1"), "utf8", { addBOM: true })],
    ["UTF-16 in 8-bit bytes", bytes(declared("UTF-16"))],
    ["UTF-8 in 16-bit bytes", iconv.encode(declared("UTF-8"), "utf-16le", { addBOM: true })],
    ["ISO-8859-1 bytes declared as UTF-8", iconv.encode(declared("UTF-8"), "latin1")],
    ["an unknown encoding", bytes(declared("EBCDIC-X"))],
    ["non-ASCII in US-ASCII", iconv.encode(declared("US-ASCII"), "latin1")],
  ])("refuses %s", (_, input) => {
    expect(code(() => decodeXmlBytes(input))).toBe("xml/encoding");
  });
});

describe("readXml()", () => {
  it.each([
    ["a DOCTYPE", "<!DOCTYPE a><a/>", "xml/doctype-refused"],
    [
      "a DOCTYPE behind comments",
      '<?xml version="1.0"?>\n<!-- x --><?p i?><!DOCTYPE a [<!ENTITY e "f">]><a>&e;</a>',
      "xml/doctype-refused",
    ],
    ["an undefined entity", "<a>&e;</a>", "xml/not-well-formed"],
    ["an unclosed element", "<a><b></a>", "xml/not-well-formed"],
    ["two roots", "<a/><a/>", "xml/not-well-formed"],
    ["no root", "", "xml/not-well-formed"],
    ["an unbound prefix", "<x:a/>", "xml/not-well-formed"],
    ["an attribute twice", "<a b='1' b='2'/>", "xml/not-well-formed"],
    ["text behind the root", "<a/>x", "xml/not-well-formed"],
  ])("refuses %s", (_, xml, expected) => {
    expect(code(() => parseXml(bytes(xml)))).toBe(expected);
  });

  it.each([
    ["a DOCTYPE", bytes("<?xml version='1.0'?>\n<!-- -->\n<!DOCTYPE a><a/>"), "xml/doctype-refused", 3],
    ["a DOCTYPE behind a mark", bytes("\uFEFF<?p i?><!DOCTYPE a><a/>"), "xml/doctype-refused", 1],
    ["a DOCTYPE behind two marks", bytes("\uFEFF\uFEFF<!DOCTYPE a><a/>"), "xml/not-well-formed", 1],
    ["a second mark in UTF-16", iconv.encode("\uFEFF\uFEFF<a/>", "utf-16le"), "xml/not-well-formed", 1],
    ["a DOCTYPE in UTF-16 without mark", iconv.encode("<!DOCTYPE a><a/>", "utf-16be"), "xml/doctype-refused", 1],
    ["a NUL", bytes("<a>\n\0</a>"), "xml/not-well-formed", 2],
    ["a control character", bytes("<a>\n\u0001</a>"), "xml/not-well-formed", 2],
    ["a reference to one, in XML 1.1", bytes("<?xml version='1.1'?>\n<a>&#1;</a>"), "xml/not-well-formed", 2],
    ["no character", bytes("<a>\n\uFFFE</a>"), "xml/not-well-formed", 2],
    ["half a pair", iconv.encode("<a>\n\ud800</a>", "utf-16le"), "xml/encoding", 2],
    ["UTF-16 cut short", Buffer.from([0xff, 0xfe, 0x3c]), "xml/encoding", 1],
    ["UTF-32", Buffer.from([0, 0, 0xfe, 0xff, 0, 0, 0, 0x3c]), "xml/encoding", 1],
    ["bytes that are not UTF-8", Buffer.from("<a>æ\n\uFFFD\nø</a>").subarray(0, 11), "xml/encoding", 3],
    [
      "bytes that are not US-ASCII",
      Buffer.from("<?xml version='1.0' encoding='ascii'?>\n<a>æ</a>", "latin1"),
      "xml/encoding",
      2,
    ],
    [
      "a byte that windows-1252 does not have",
      Buffer.from("<?xml version='1.0' encoding='windows-1252'?>\n\n<a>\u0081</a>", "latin1"),
      "xml/encoding",
      3,
    ],
    ["50 000 levels", bytes("<a>\n".repeat(50_000)), "xml/limit-exceeded", 257],
    [
      "a million attributes",
      bytes(`<a\n${Array.from({ length: 1e6 }, (_, i) => `b${i}=""`).join(" ")}/>`),
      "xml/limit-exceeded",
      2,
    ],
    ["a million open brackets", bytes("<a>\n".concat("<".repeat(1e6))), "xml/not-well-formed", 2],
    ["a comment without end", bytes(`<a>\n<!--${" ".repeat(1e6)}`), "xml/not-well-formed", 2],
  ] as const)("refuses %s with code and line", (_, input, expected, line) => {
    const error = failure(() => parseXml(input));
    expect([error.code, error.context.line]).toEqual([expected, line]);
  });

  it("takes names that objects of the language have by themselves", () => {
    const xml =
      '<constructor xmlns:__proto__="urn:p" __proto__="__proto__:x"><toString xmlns="valueOf" valueOf=""/></constructor>';
    const tree = parseXml(bytes(xml));
    const options = { ignoreLayout: false };
    expect(canonicalInfoset(parseXml(serializeXml(tree)), options)).toBe(canonicalInfoset(tree, options));
    expect(Object.keys(tree.namespaces ?? {})).toEqual(["__proto__"]);
  });

  it("names the line and never quotes the document", () => {
    let error: HelsekontaktError | undefined;
    try {
      parseXml(bytes("<a>\n<b>\n</x17851360018>"));
    } catch (caught) {
      if (caught instanceof HelsekontaktError) error = caught as HelsekontaktError;
    }
    expect(error?.context.line).toBe(3);
    expect(String(error) + JSON.stringify(error)).not.toContain("17851360018");
  });

  it.each([
    ["bytes", { maxBytes: 10 }, "<a>12345678</a>"],
    ["depth", { maxDepth: 2 }, "<a><b><c/></b></a>"],
    ["attributes", { maxAttributes: 1 }, "<a b='' c=''/>"],
    ["text", { maxText: 3 }, "<a>1234</a>"],
    ["attribute text", { maxText: 3 }, "<a b='1234'/>"],
  ])("caps %s", (_, limits, xml) => {
    expect(code(() => parseXml(bytes(xml), { limits }))).toBe("xml/limit-exceeded");
  });
});

describe("namespace declarations", () => {
  // Each prefix is looked up among all that are in scope: without a cap, many of them and many elements would take minutes.
  const declared = (prefix: string, count: number, inner: string): string =>
    `<a ${Array.from({ length: count }, (_, n) => `xmlns:${prefix}${n}='u${n}'`).join(" ")}>${inner}</a>`;

  it("may be 512 in scope, in few tags or many", () => {
    expect(parseXml(bytes(declared("p", 250, declared("q", 250, declared("r", 12, "<p0:b/>"))))).content).toHaveLength(
      1,
    );
    expect(code(() => parseXml(bytes(declared("p", 250, declared("q", 250, declared("r", 13, ""))))))).toBe(
      "xml/limit-exceeded",
    );
    const nested = (depth: number): string => (depth === 0 ? "" : declared(`d${depth}_`, 3, nested(depth - 1)));
    for (let round = 0; round < 2; round++) expect(code(() => parseXml(bytes(nested(200))))).toBe("xml/limit-exceeded");
  });

  it("may be any number one behind the other", () => {
    expect(parseXml(bytes(`<r>${declared("p", 200, "").repeat(10)}</r>`)).content).toHaveLength(10);
  });
});

describe("base64 content", () => {
  it("goes both ways and takes white space", () => {
    const data = new Uint8Array([0, 1, 2, 253]);
    expect([...decodeBase64Content(` ${encodeBase64Content(data).replace("A", "A\n")} `)]).toEqual([...data]);
    expect(code(() => decodeBase64Content("a*=="))).toBe("input/invalid");
    expect(code(() => decodeBase64Content("abc"))).toBe("input/invalid");
  });
});
