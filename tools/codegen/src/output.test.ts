import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { header } from "./header.ts";
import { listFiles, writeGenerated } from "./output.ts";

const by = (tool: string, text = "export {};\n") => `${header(tool, [])}\n${text}`;
let out = "";
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), "codegen-"));
});
afterEach(() => rmSync(out, { recursive: true, force: true }));

describe("writeGenerated", () => {
  it("removes what the same generator wrote before, and files without a mark", () => {
    const files = ["a.ts", "b.ts", "sub/c.ts"].map((path) => ({ path, content: by("gen-one") }));
    expect(writeGenerated(out, files)).toEqual({ written: 3, unchanged: 0, removed: 0 });
    writeFileSync(join(out, "hand.ts"), "export {};\n");
    expect(writeGenerated(out, files.slice(0, 1))).toEqual({ written: 0, unchanged: 1, removed: 3 });
    expect(listFiles(out)).toEqual(["a.ts"]);
  });

  it.each(["gen-one", "tools/gen-one"])("as %s leaves what another generator wrote, also in folders below", (one) => {
    mkdirSync(join(out, "two"));
    for (const path of ["two/x.ts", "y.ts"]) writeFileSync(join(out, path), by("gen-two"));
    const files = [{ path: "a.ts", content: by(one) }];
    expect(writeGenerated(out, files)).toEqual({ written: 1, unchanged: 0, removed: 0 });
    expect(listFiles(out)).toEqual(["a.ts", "two/x.ts", "y.ts"]);
    expect(readFileSync(join(out, "two/x.ts"), "utf8")).toBe(by("gen-two"));
  });

  it("refuses two files of one path, and carriage returns", () => {
    const file = { path: "a.ts", content: by("gen-one") };
    expect(() => writeGenerated(out, [file, file])).toThrow("two generated files with one path: a.ts");
    expect(() => writeGenerated(out, [{ ...file, content: "\r\n" }])).toThrow("carriage return: a.ts");
    expect(listFiles(out)).toEqual([]);
  });
});
