import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { syntheticCitizens } from "@helsekontakt/sandbox";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { type MemberFileIssue, type MemberFileOptions, readMemberFile, readMembers } from "../src/index.ts";
import { failure } from "./_harness.ts";

const people = syntheticCitizens(200).map((c) => c.fnr);
const [a, b, c] = people as [string, string, string];
const dir = mkdtempSync(join(tmpdir(), "helsekontakt-members-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** Pieces of any size, as a stream gives them. */
function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

async function read(content: string | Uint8Array, options: MemberFileOptions = {}, size = 7) {
  const issues: MemberFileIssue[] = [];
  const members: (number | string)[][] = [];
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
  for await (const m of readMembers(pieces(bytes, size), { onIssue: (i) => issues.push(i), ...options }))
    members.push([m.line, m.fnr.reveal(), m.from, m.to, ...(m.organisation === undefined ? [] : [m.organisation])]);
  for (const person of people) expect(JSON.stringify(issues)).not.toContain(person);
  return { members, issues: issues.map((i) => [i.line, i.level, i.problem]), messages: issues.map((i) => i.message) };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const from = "2026-08-01";
const to = "2027-07-31";
const good = [
  [2, a, from, to],
  [3, b, from, to],
];

describe("CSV", () => {
  it.each([
    ["commas", `fnr,from,to\n${a},${from},${to}\n${b},${from},${to}\n`],
    ["semicolons and CRLF", `fnr;from;to\r\n${a};${from};${to}\r\n${b};${from};${to}\r\n`],
    ["tabs, no line end at the end", `fnr\tfrom\tto\n${a}\t${from}\t${to}\n${b}\t${from}\t${to}`],
    ["CR alone", `fnr;from;to\r${a};${from};${to}\r${b};${from};${to}\r`],
    ["Norwegian headers in capitals", `FØDSELSNUMMER;Fra dato;TIL-DATO\n${a};${from};${to}\n${b};${from};${to}`],
    ["more columns in another order", `Navn;Til;Fra;Fnr\n"Ås; Øst";${to};${from};${a}\n"a ""b""";${to};${from};${b}`],
    ["quotes everywhere", `"fnr","from","to"\n"${a}","${from}","${to}"\n"${b}","${from}","${to}"\n`],
  ])("%s", async (_name, text) => {
    for (const size of [1, 7, 1_000]) expect(await read(text, {}, size)).toMatchObject({ members: good, issues: [] });
  });

  it.each([
    ["UTF-8 with a mark", Buffer.from(`\uFEFFFødselsnummer;fra;til\n${a};${from};${to}\n${b};${from};${to}\n`)],
    [
      "ISO-8859-1",
      Buffer.from(`Fødselsnummer;fra;til;navn\n${a};${from};${to};Åse\n${b};${from};${to};Bjørn\n`, "latin1"),
    ],
    [
      "ISO-8859-1 late in the file",
      Buffer.from(`fnr;fra;til;navn\n${a};${from};${to};Ase\n${b};${from};${to};Bjørn\n`, "latin1"),
    ],
    ["UTF-16LE", Buffer.from(`\uFEFFFødselsnummer;fra;til\n${a};${from};${to}\n${b};${from};${to}\n`, "utf16le")],
    [
      "UTF-16BE",
      Buffer.from(`\uFEFFFødselsnummer;fra;til\n${a};${from};${to}\n${b};${from};${to}\n`, "utf16le").swap16(),
    ],
  ])("%s", async (_name, bytes) => {
    for (const size of [1, 3, 10_000]) expect(await read(bytes, {}, size)).toMatchObject({ members: good, issues: [] });
  });

  it("refuses a text of two encodings, and UTF-16 without a mark, and takes one that is named", async () => {
    const mixed = Buffer.concat([
      Buffer.from(`fnr;fra;til;navn\n${a};${from};${to};Åse\n`),
      Buffer.from(`${b};${from};${to};Bjørn\n`, "latin1"),
    ]);
    const error = await failure(read(mixed));
    expect([error.code, error.message]).toEqual(["input/invalid", expect.stringMatching(/UTF-8 throughout/)]);
    const bare = Buffer.from(`fnr;fra;til\n${a};${from};${to}\n${b};${from};${to}\n`, "utf16le");
    expect((await failure(read(bare))).message).toMatch(/UTF-16 without a byte order mark/);
    expect((await read(bare, { encoding: "utf-16le" })).members).toEqual(good);
    expect((await failure(read(Buffer.from("fnr;fra;til;Ås", "latin1"), { encoding: "utf-8" }))).code).toBe(
      "input/invalid",
    );
  });

  it("tells the line of every fault, and goes on with the good ones", async () => {
    const lines = [
      "fnr;fra;til;orgnr",
      `${a};${from};${to};998888887`,
      `${a.slice(1)};${from};${to};`,
      `${b};01.08.2026;${to};`,
      `${b};2026-02-30;${to};`,
      `${b};${to};${from};`,
      `${b};${from}`,
      "",
      `${b};${from};${to};12`,
      `99999999999;${from};${to};`,
      `${c.slice(0, 6)} ${c.slice(6)};${from};${to};`,
      `${b};${from};;`,
      `${c};${from};${to};998 888 887`,
      "x".repeat(70_000),
      `${b};${from};${to};`,
    ];
    const { members, issues, messages } = await read(lines.join("\n"), {}, 1_000);
    expect(members).toEqual([
      [2, a, from, to, "998888887"],
      [13, c, from, to, "998888887"],
      [15, b, from, to],
    ]);
    expect(issues).toEqual([
      [3, "error", "not-11-digits"],
      [4, "error", "date"],
      [5, "error", "date"],
      [6, "error", "period"],
      [7, "error", "columns"],
      [9, "error", "organisation"],
      [10, "error", "no-person-number"],
      [11, "error", "not-11-digits"],
      [12, "error", "date"],
      [14, "error", "too-long"],
    ]);
    expect(messages[0]).toContain("leading zero");
    expect(messages[1]).toContain("dd.mm.yyyy");
  });

  it("an unclosed quote costs its own line alone, a cell with line ends none", async () => {
    const lines = [
      "fnr;fra;til;navn",
      `"${a};${from};${to};x`,
      `${b};${from};${to};"line one`,
      `line two; still the cell"`,
      `${c};${from};${to};6" wide`,
      `"${a}";${from};${to};y`,
    ];
    const { members, issues } = await read(lines.join("\n"));
    expect(issues).toEqual([[2, "error", "quote"]]);
    expect(members).toEqual([
      [3, b, from, to],
      [5, c, from, to],
      [6, a, from, to],
    ]);
    const many = Array.from({ length: 500 }, () => `${b};${from};${to};z`);
    const open = await read([lines[0], lines[1], ...many].join("\n"), {}, 3_000);
    expect([open.issues, open.members.length]).toEqual([[[2, "error", "quote"]], 500]);
  });

  it.each([
    ["", /found no line at all/],
    [
      "navn;adresse\nx;y\n",
      /the columns fnr or fødselsnummer or fodselsnummer, from or fra or fom, to or til or tom.*found the columns "navn", "adresse"/,
    ],
    [`${a};${from};${to}\n`, /found a first line that holds data/],
    ["fnr;fra;fra\n", /found the columns/],
  ])("a wrong header is one clear error: %#", async (text, message) => {
    const error = await failure(read(text));
    expect([error.code, error.message]).toEqual(["input/invalid", expect.stringMatching(message)]);
    expect(error.message).not.toContain(a);
  });

  it("takes own column names, no header, Excel's sep, both forms of dates, and defaults", async () => {
    const own = await read(`Medlem|Inn|Ut\n`.replaceAll("|", ",") + `${a},${from},${to}\n`, {
      columns: { fnr: "medlem", from: "inn", to: "ut" },
    });
    expect(own.members).toEqual([[2, a, from, to]]);
    expect((await read(`${a},${from},${to}\n`, { header: false })).members).toEqual([[1, a, from, to]]);
    expect((await read(`sep=,\nfnr,"fra",til\n${a},${from},${to}\n`)).members).toEqual([[3, a, from, to]]);
    const norwegian = `fnr;fra;til\n${a};1.8.2026;31.07.2027\n${b};${from};${to}\n`;
    expect(await read(norwegian, { dates: "norwegian" })).toMatchObject({
      members: [[2, a, from, to]],
      issues: [
        [3, "error", "date"],
        [3, "error", "date"],
      ],
    });
    expect((await read(norwegian, { dates: "both" })).members).toEqual(good);
    expect((await read(`fnr;fra\n${a};${from}\n${b};\n`, { defaults: { from, to } })).members).toEqual(good);
    expect((await failure(read("fnr\n", { defaults: { from: "1.8.2026", to } }))).message).toContain(
      'default of "from"',
    );
  });

  it("judges control digits and persons by setting", async () => {
    const wrong = `${a.slice(0, 10)}${(Number(a[10]) + 1) % 10}`;
    // Of the form of a real number, but its control digits fit nobody.
    const real = "01010112345";
    const text = `fnr;fra;til\n${wrong};${from};${to}\n${real};${from};${to}\n${b};${from};${to}\n`;
    const lines = async (options: MemberFileOptions) => {
      const { members, issues } = await read(text, options);
      return [members.map(([line]) => line), issues];
    };
    expect(await lines({})).toEqual([
      [2, 3, 4],
      [
        [2, "warning", "control-digits"],
        [3, "warning", "control-digits"],
      ],
    ]);
    expect(await lines({ controlDigits: "error" })).toEqual([
      [4],
      [
        [2, "error", "control-digits"],
        [3, "error", "control-digits"],
      ],
    ]);
    expect(await lines({ controlDigits: "off", persons: "synthetic" })).toEqual([
      [2, 4],
      [[3, "error", "real-person"]],
    ]);
    expect(await lines({ controlDigits: "off", persons: "real" })).toEqual([
      [3],
      [
        [2, "error", "synthetic-person"],
        [4, "error", "synthetic-person"],
      ],
    ]);
  });

  it("reads back whatever is written, quoted or not, in any pieces", async () => {
    const cell = fc.string({ unit: fc.constantFrom("a", "Å", '"', ";", ",", " ", "\n", "€"), maxLength: 12 });
    const row = fc.record({ fnr: fc.constantFrom(...people), extra: cell, quoted: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 30 }),
        fc.constantFrom(";", ",", "\t"),
        fc.integer({ min: 1, max: 400 }),
        fc.constantFrom("\n", "\r\n"),
        async (rows, d, size, end) => {
          const quote = (text: string, always: boolean) =>
            always || /[";,\t\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
          const text = [
            ["navn", "fnr", "fra", "til"].join(d),
            ...rows.map((r) => [quote(r.extra, r.quoted), quote(r.fnr, r.quoted), from, quote(to, r.quoted)].join(d)),
          ].join(end);
          const { members, issues } = await read(text, {}, size);
          expect(issues).toEqual([]);
          expect(members.map(([, fnr]) => fnr)).toEqual(rows.map((r) => r.fnr));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("whatever the bytes", () => {
  it("ends with members and findings or with input/invalid, and no line is both", async () => {
    const junk = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((b) => Buffer.from(b)),
      fc
        .string({ unit: fc.constantFrom('"', ";", ",", "\r", "\n", "\t", "{", "}", "1", "ø", "\u0000"), maxLength: 60 })
        .map((t) => Buffer.from(t)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(junk, { maxLength: 8 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 90 }),
        async (parts, headed, size) => {
          const start = headed ? Buffer.from(`fnr;fra;til\n${a};${from};${to}\n`) : Buffer.alloc(0);
          try {
            const { members, issues } = await read(Buffer.concat([start, ...parts]), {}, size);
            const told = new Set(issues.filter(([, level]) => level === "error").map(([line]) => line));
            expect(members.filter(([line]) => told.has(line as number))).toEqual([]);
            if (headed) expect(members[0]).toEqual([2, a, from, to]);
          } catch (error) {
            expect((error as { code?: string }).code).toBe("input/invalid");
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("NDJSON", () => {
  it("reads objects, tells what is none, and wants the number as text", async () => {
    const lines = [
      JSON.stringify({ fnr: a, from, to }),
      "",
      JSON.stringify({ Fødselsnummer: b, fra: from, til: to, navn: "x" }),
      "{",
      "[1]",
      JSON.stringify({ fnr: Number(c), from, to }),
      JSON.stringify({ fnr: c, from }),
    ];
    const { members, issues } = await read(lines.join("\n"), {}, 11);
    expect(members).toEqual([
      [1, a, from, to],
      [3, b, from, to],
    ]);
    expect(issues).toEqual([
      [4, "error", "json"],
      [5, "error", "json"],
      [6, "error", "json"],
      [7, "error", "date"],
    ]);
  });
});

describe("files", () => {
  it("are read by path, and a missing one says so without a stack of the system's", async () => {
    const path = join(dir, "members.ndjson");
    writeFileSync(path, `${JSON.stringify({ fnr: a, from, to })}\n`);
    const found = await all(readMemberFile(path));
    expect(found.map((m) => [m.line, m.fnr.reveal()])).toEqual([[1, a]]);
    const error = await failure(all(readMemberFile(join(dir, "none.csv"))));
    expect([error.code, error.context]).toEqual(["input/invalid", { reason: "ENOENT" }]);
  });

  it("end on abort", async () => {
    const stop = new AbortController();
    const seen: number[] = [];
    const endless = (function* () {
      yield "fnr;fra;til\n";
      for (;;) yield `${a};${from};${to}\n`;
    })();
    const reading = (async () => {
      for await (const { line } of readMembers(endless, { signal: stop.signal })) {
        seen.push(line);
        if (line === 100) stop.abort();
      }
    })();
    expect((await failure(reading)).code).toBe("abort/cancelled");
    expect(seen).toHaveLength(99);
  });
});
