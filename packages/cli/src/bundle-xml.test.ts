import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type FhirOptions, type FileVerdict, validateBundleFile, validateFile } from "./validate-file.ts";
import { xmlUtf8 } from "./xml-utf8.ts";

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]) {
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length] as number;
    yield bytes.subarray(at, at + size);
    at += size;
    await Promise.resolve();
  }
}

const streamed = (
  bytes: Uint8Array,
  sizes: readonly number[] = [1 << 16],
  options: FhirOptions = {},
): Promise<FileVerdict | undefined> => validateBundleFile("a.xml", "xml", () => chunksOf(bytes, sizes), options);
const base = "https://helsekontakt.dev/fhir/StructureDefinition";
const profiles = [`${base}/hk-members-bundle`, `${base}/hk-offerings-bundle`, `${base}/hk-member`];
const sorted = ({ issues, valid, kind }: FileVerdict) => ({
  kind,
  valid,
  issues: issues.map((i) => `${i.path} ${i.rule} ${i.line} ${i.level} ${i.message}`).sort(),
});

const uuid = (n: number): string => `urn:uuid:1a8f7a3e-8f4e-4e0a-8c0e-${String(n).padStart(12, "0")}`;

const patient = fc
  .record({
    n: fc.integer({ min: 1, max: 4 }),
    names: fc.constantFrom("Åse", "x &lt; y", "a/b", "'"),
    more: fc.constantFrom(
      "",
      '<gender value="x"/>',
      '\n<birthDate value="1.1.2020"/>',
      "<unknown/>",
      "text",
      '<managingOrganization><reference value="Organization/o1"/></managingOrganization>',
      `<managingOrganization>\n<reference value="${uuid(9)}"/></managingOrganization>`,
      `<generalPractitioner><reference value="${uuid(1)}"/></generalPractitioner>`,
      '<contained><Patient><id value="c"/></Patient></contained>',
    ),
  })
  .map(
    ({ n, names, more }) =>
      `<fullUrl value="${uuid(n)}"/>\n <resource><Patient>${more.startsWith("<contained") ? more : ""}<name><family value="${names}"/></name>${more.startsWith("<contained") ? "" : more}</Patient></resource>`,
  );
const organization = fc
  .constantFrom("o1", "o2", "o 3")
  .map(
    (id) =>
      `<fullUrl value="https://a.example/Organization/${id}"/><resource>\n<Organization><id value="${id}"/><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p title='>'>a &amp; b</p></div></text><name value="E"/></Organization></resource>`,
  );
const entry = fc
  .tuple(
    fc.constantFrom("<entry>", "<entry >", "<entry\n>"),
    fc.oneof(patient, organization, fc.constantFrom("", "<resource><Nobody/></resource>", "<fullUrl/>")),
    fc.constantFrom("", "", "", '<request><method value="POST"/>\n<url value="Patient"/></request>', "<search/>"),
  )
  .map(([tag, content, rest]) => `${tag}${content}${rest}</entry >`);
const gap = fc.constantFrom(
  "\n",
  "",
  "  ",
  "\n\t",
  "<!-- <entry> '\" -->",
  "<?p <entry>?>",
  "words",
  "<![CDATA[<entry>]]>",
  "<![CDATA[]]>",
  "&#32;",
  "a<!-- c -->b",
);
const member = fc.constantFrom(
  '<type value="collection"/>',
  '<type value="batch"/>',
  '<id value="a b"/>',
  "<meta>\n<profiles/>\n</meta>",
  `<meta>\n<profile value="${profiles[0]}"/></meta>`,
  `<meta><profile value="${profiles[1]}"/>\n<profile value="urn:none"/></meta>`,
  '<total value="x"/>',
  '<link>\n<relation value="self"/>\n<url value=""/></link>',
  "<unknown/>",
  "<entry/>",
);
const body = fc.array(fc.tuple(fc.oneof({ weight: 3, arbitrary: entry }, member), gap), { maxLength: 8 });
const document = fc
  .record({
    head: fc.constantFrom(
      "",
      '<?xml version="1.0" encoding="ENCODING"?>',
      "\n<!-- a > b -->",
      '<?xml version="1.0" encoding="ENCODING"?>\n<?p?>\n',
    ),
    root: fc.constantFrom(
      '<Bundle xmlns="http://hl7.org/fhir">',
      '<Bundle\n xmlns="http://hl7.org/fhir" \n other="x">',
      '<Bundle xmlns="http://hl7.org/fhir" >\n<type value="collection"/>',
      '<Bundle xmlns="http://hl7.org/fhir" >\n<type value="collection"/>',
    ),
    body,
    tail: fc.constantFrom("", "\n", "<!-- end -->\n", "<?p?>"),
    prefixed: fc.boolean(),
  })
  .map(({ head, root, body: parts, tail, prefixed }) => {
    const text = `${root}${parts.map((p) => p.join("")).join("")}</Bundle>`;
    // Where every name is prefixed, so are those of the narrative, which is a fault of its own.
    const named = prefixed ? text.replaceAll(/<(\/?)([A-Za-z])/g, "<$1f:$2").replaceAll("xmlns=", "xmlns:f=") : text;
    return `${head}${named}${tail}`;
  });
const encodings = {
  "UTF-8": (text: string) => Buffer.from(text),
  "UTF-8 with mark": (text: string) => Buffer.from(`\ufeff${text}`),
  "ISO-8859-1": (text: string) => Buffer.from(text, "latin1"),
  "windows-1252": (text: string) => Buffer.from(text, "latin1"),
  "UTF-16": (text: string) => Buffer.from(`\ufeff${text}`, "utf16le"),
  "UTF-16 from the other side": (text: string) => Buffer.from(`\ufeff${text}`, "utf16le").swap16(),
};
const encoding = fc.constantFrom(...(Object.keys(encodings) as (keyof typeof encodings)[]));
const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });
const encoded = (text: string, name: keyof typeof encodings): Buffer =>
  encodings[name](text.replace("ENCODING", name.split(" ", 1)[0] as string));

describe("a Bundle in XML read by its entries", () => {
  it("gets the verdict of the whole one, whatever chunks it comes in", async () => {
    let judged = 0;
    await fc.assert(
      fc.asyncProperty(
        document,
        encoding,
        sizes,
        fc.constantFrom(undefined, ...profiles),
        async (text, name, cut, profile) => {
          // Without a declaration the bytes have to be UTF-8.
          const bytes = encoded(text, text.includes("ENCODING") ? name : "UTF-8");
          const verdict = await streamed(bytes, cut, { profile });
          expect(verdict).toBeDefined();
          expect(sorted(verdict as FileVerdict)).toEqual(sorted(validateFile("a.xml", bytes, { profile })));
          judged += (verdict as FileVerdict).issues.length;
        },
      ),
      { numRuns: 300 },
    );
    expect(judged).toBeGreaterThan(300);
  });

  it("gets the verdict of the whole one where it is damaged", async () => {
    const scraps = [
      "<",
      ">",
      "&",
      '"',
      "]]>",
      "<!--",
      "--",
      "<![CDATA[",
      "</Bundle>",
      "</entry>",
      "<!DOCTYPE a>",
      "\0",
      "/",
    ];
    await fc.assert(
      fc.asyncProperty(
        document,
        fc.nat(),
        fc.constantFrom("", ...scraps, Buffer.from([0xff]).toString("latin1")),
        fc.integer({ min: 0, max: 5 }),
        encoding,
        sizes,
        async (text, place, scrap, out, name, cut) => {
          const good = encoded(text, text.includes("ENCODING") ? name : "UTF-8");
          const at = place % (good.length + 1);
          const bytes = Buffer.concat([good.subarray(0, at), Buffer.from(scrap, "latin1"), good.subarray(at + out)]);
          const whole = validateFile("a.xml", bytes);
          // What is no Bundle any more is judged whole.
          const verdict = await streamed(bytes, cut);
          if (verdict !== undefined && whole.kind === "fhir-xml")
            expect(sorted(verdict), JSON.stringify(bytes.toString("latin1"))).toEqual(sorted(whole));
          else if (verdict !== undefined)
            expect(verdict.issues.map((i) => i.message)).toEqual(whole.issues.map((i) => i.message));
        },
      ),
      { numRuns: 600 },
    );
  });

  it("is left to the whole reading where entries alone do not decide", async () => {
    for (const text of [
      '<Patient xmlns="http://hl7.org/fhir"/>',
      "<Bundle><entry/></Bundle>",
      '<Bundle xmlns="http://hl7.org/fhir"><type value="document"/><entry/></Bundle>',
      '<Bundle xmlns="http://hl7.org/fhir"><entry/><type value="message"/></Bundle>',
    ])
      expect(await streamed(Buffer.from(text))).toBeUndefined();
  });
});

describe("xmlUtf8()", () => {
  it.each([
    ["UTF-8", Buffer.from("<a>\n\u00e6\n\xff</a>", "latin1")],
    ["windows-1252", Buffer.from('<?xml version="1.0" encoding="windows-1252"?>\n<a>\n\x81</a>', "latin1")],
    ["US-ASCII", Buffer.from('<?xml version="1.0"\n encoding="US-ASCII"?>\n<a>\n\xe6</a>', "latin1")],
    ["UTF-16", Buffer.from("\ufeff<a>\n\n\ud800</a>", "utf16le")],
    ["another one", Buffer.from('<?xml version="1.0" encoding="EBCDIC"?><a/>')],
    ["UTF-8 declared as UTF-16", Buffer.from('<?xml version="1.0" encoding="UTF-16"?><a/>')],
  ])("refuses %s as it is refused whole", async (_, bytes) => {
    const said = validateFile("a.xml", bytes).issues;
    expect(said[0]?.rule).toBe("xml/encoding");
    for (const size of [1, 2, 5, 1 << 16]) {
      const read = async () => {
        for await (const chunk of xmlUtf8(chunksOf(bytes, [size]))) void chunk;
      };
      await expect(read()).rejects.toThrow(said[0]?.message ?? "");
    }
  });
});
