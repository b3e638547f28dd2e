import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { GeneratorError } from "./generator-error.ts";
import { readStrictJson, type StrictObject } from "./strict-json.ts";

function read(text: string, keys: readonly string[]): StrictObject {
  const path = join(mkdtempSync(join(tmpdir(), "strict-json-")), "d.json");
  writeFileSync(path, text);
  return readStrictJson(path, "codes/d.json", keys);
}

describe("readStrictJson", () => {
  it("reads what it is asked for", () => {
    const d = read(`{"a":"x","b":true,"n":2,"l":["p","q"],"o":{"c":"y"},"m":[{"c":"z"}]}`, [
      "a",
      "b",
      "n",
      "l",
      "o",
      "m",
    ]);
    expect(d.string("a")).toBe("x");
    expect(d.boolean("b")).toBe(true);
    expect(d.integer("n")).toBe(2);
    expect(d.strings("l")).toEqual(["p", "q"]);
    expect(d.object("o", ["c"]).string("c")).toBe("y");
    expect(d.objects("m", ["c"]).map((o) => o.string("c"))).toEqual(["z"]);
    expect(d.oneOf("a", ["x", "y"])).toBe("x");
    expect(d.optionalString("absent")).toBeUndefined();
    expect(d.strings("absent")).toEqual([]);
  });

  it.each([
    [`{"b":1}`, `codes/d.json: expected one of a, found unknown key "b"`],
    [`[]`, "codes/d.json: expected an object, found [] at the top"],
    [`{"a":[{"x":1}]}`, `codes/d.json: expected one of c, found unknown key "a[0].x"`],
    [`{"a":[{"c":""}]}`, `codes/d.json: expected a text that is not empty, found "" at a[0].c`],
    [`{"a":[{}]}`, "codes/d.json: expected a text that is not empty, found nothing at a[0].c"],
  ])("stops at %s with file and place", (text, message) => {
    const go = () => {
      for (const o of read(text, ["a"]).objects("a", ["c"])) o.string("c");
    };
    expect(go).toThrow(GeneratorError);
    expect(go).toThrow(message);
  });

  it("stops at text that is not JSON", () => {
    expect(() => read("{", ["a"])).toThrow(/^codes\/d\.json: expected a JSON document, found /);
  });
});
