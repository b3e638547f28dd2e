import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { generateFromFolder } from "../src/project.ts";

const fixtures = fileURLToPath(new URL("./fixtures", import.meta.url));
const cases = readdirSync(fixtures);
const packageDir = fileURLToPath(new URL("..", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "gen-xsd-golden-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("generateFromFolder()", () => {
  it.each(cases)("writes the expected types and rules for %s", async (name) => {
    const output = generateFromFolder(join(fixtures, name));
    expect(output.refused).toEqual([]);
    for (const file of output.files) {
      await expect(file.content).toMatchFileSnapshot(join(fixtures, name, "expected", `${file.path}.snap`));
      const target = join(root, name, file.path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, file.content);
    }
  });

  it("writes code that compiles under the strictest options", () => {
    const repo = join(packageDir, "../..");
    writeFileSync(join(root, "package.json"), '{"type":"module"}');
    writeFileSync(
      join(root, "tsconfig.json"),
      JSON.stringify({
        extends: join(repo, "tools/config/tsconfig.base.json"),
        compilerOptions: {
          noEmit: true,
          noUnusedLocals: true,
          typeRoots: [],
          types: [],
          paths: {
            "@helsekontakt/types/xml": [join(root, "contract.ts")],
            "@helsekontakt/validators/xml": [join(repo, "packages/validators/src/xsd/rules.ts")],
          },
        },
        include: ["."],
      }),
    );
    const xml = join(repo, "packages/types/src/xml");
    writeFileSync(
      join(root, "contract.ts"),
      `export type * from ${JSON.stringify(join(xml, "table.ts"))};\nexport type * from ${JSON.stringify(join(xml, "tree.ts"))};\n`,
    );
    writeFileSync(join(root, "use.ts"), use);
    const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
    const result = spawnSync(process.execPath, [tsc, "-p", root], { encoding: "utf8" });
    expect(result.stdout).toBe("");
    expect(result.status).toBe(0);
  }, 60_000);
});

// What a user writes against the generated types, and what the compiler must refuse.
const use = `
import type { Order } from "./sequence-and-choice/types/schema.js";
import type { Drawing } from "./derivation/types/schema.js";
import type { All, Color } from "./simple-types/types/schema.js";
import type { Base } from "./attributes/types/schema.js";
import type { properties } from "./substitution/types/schema.js";

const start = { Id: "1", Two: ["2026-01-01", "2026-01-02"] };
export const cash: Order = { ...start, Cash: "10" };
export const card: Order = { ...start, Card: "x", Expiry: "2027-01", Left: "l" };
// @ts-expect-error a required choice is missing
export const none: Order = { ...start };
// @ts-expect-error two branches of one choice
export const both: Order = { ...start, Cash: "10", Card: "x" };
// @ts-expect-error undefined is not the same as absent
export const absent: Order = { ...start, Cash: "10", Line: undefined };
export const card2 = (order: Order): string => (order.Card === undefined ? (order.Cash ?? "") : order.Card);
export const drawing: Drawing = { Shape: [{ $type: "{urn:test}Circle", Radius: "2" }] };
// @ts-expect-error an abstract type cannot stand without a derived type's name
export const abstract: Drawing = { Shape: [{ Name: "n" }] };
export const red: Color = "red";
// @ts-expect-error not in the enumeration
export const blue: Color = "blue";
export const inline: All["Choice"] = "a";
export const base: Base = { $id: "i", $unit: "kg", $type_: "t", $lang: "no", $lang_2: "no" };
// @ts-expect-error a required attribute is missing
export const incomplete: Base = { $id: "i" };
export const list: properties = { $items: [{ name: "{urn:test}begin", value: { date: "2026-01-01" } }] };
`;
