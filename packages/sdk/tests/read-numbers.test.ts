import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type NumberFileOptions, readNumbers } from "../src/index.ts";

const [a, b] = ["01814010070", "01814110091"];

async function read(source: Iterable<Uint8Array | string>, options: NumberFileOptions = {}) {
  const found: (readonly [number, string])[] = [];
  for await (const { line, fnr } of readNumbers(source, options)) found.push([line, fnr]);
  return found;
}

describe("readNumbers()", () => {
  it("takes a plain list for one, with or without a header, and keeps the lines' numbers", async () => {
    expect(await read([`${a}\n\n${b}`])).toEqual([
      [1, a],
      [3, b],
    ]);
    expect(await read([`fnr\r\n${a}\r\n${b}\r\n`])).toEqual([
      [2, a],
      [3, b],
    ]);
    expect(await read([`"${a}"\nx\n`])).toEqual([
      [1, a],
      [2, "x"],
    ]);
    expect(await read([])).toEqual([]);
    expect(await read(["\n\n"])).toEqual([]);
  });

  it("finds the column in CSV, whatever else is in it, and leaves dates unjudged", async () => {
    const csv = `fra;Fødselsnummer;merknad\nhva som helst;${a};"en; to"\n;${b};\n`;
    for (const bytes of [Buffer.from(`\uFEFF${csv}`), Buffer.from(csv, "latin1")])
      expect(await read([bytes])).toEqual([
        [2, a],
        [3, b],
      ]);
    expect(await read([`id,pasient\n1,${a}\n`], { column: "Pasient" })).toEqual([[2, a]]);
    await expect(read(["navn,alder\nx,1\n"])).rejects.toMatchObject({ code: "input/invalid" });
  });

  it("tells of lines that cannot be taken apart, and goes on", async () => {
    const issues: number[] = [];
    const text = `navn;fnr\nx\ny;${a}\n${"z".repeat(70_000)};${b}\nw;${b}\n`;
    expect(await read([text], { onIssue: ({ line }) => issues.push(line) })).toEqual([
      [3, a],
      [5, b],
    ]);
    expect(issues).toEqual([2, 4]);
  });

  it("reads the same however the bytes come", async () => {
    const bytes = Buffer.from(`\uFEFFnavn;fødselsnummer\r\nÅse;${a}\r\n"Bjørn\nden eldre";${b}\r\n`);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 8 }), async (cuts) => {
        const at = [0, ...cuts.toSorted((x, y) => x - y), bytes.length];
        const parts = at.slice(1).map((end, n) => bytes.subarray(at[n], end));
        expect(await read(parts)).toEqual([
          [2, a],
          [3, b],
        ]);
      }),
      { numRuns: 100 },
    );
  });
});
