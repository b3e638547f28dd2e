import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { rolldown } from "rolldown";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bundlePackage } from "./bundle.ts";

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "bundle-"));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
}

function manifest(...entries: string[]): string {
  const exports = Object.fromEntries(
    entries.map((e) => [`./${e}`, { "helsekontakt-source": `./src/${e}.ts`, default: `./dist/${e}.js` }]),
  );
  return JSON.stringify({ name: "sample", type: "module", sideEffects: false, exports });
}

const sample = {
  "package.json": manifest("index", "deep/other"),
  "src/index.ts": `import { join } from "node:path";
    export { Shared, made } from "./shared.ts";
    export const where: string = join("a", "b");
    export const later = async (): Promise<number> => (await import("./later.ts")).answer;`,
  "src/deep/other.ts": `import { made, Shared } from "../shared.ts";
    export const isMade = (): boolean => made() instanceof Shared;`,
  "src/shared.ts": `import { part } from "./part.ts";
    /** Words for the declarations. */
    export class Shared { readonly part: string = part; }
    export function made(): Shared { return new Shared(); }`,
  "src/part.ts": `export const part = "one" as const;`,
  "src/later.ts": `export const answer = 42;`,
  "src/unused.ts": `throw new Error("never loaded");`,
};

function run(code: string): string {
  return execFileSync(process.execPath, ["--input-type=module", "-e", code], { cwd: dir, encoding: "utf8" }).trim();
}

test("what several export paths use is one module, and one class", async () => {
  write(sample);
  const files = await bundlePackage(dir);
  expect(files.filter((f) => f.endsWith(".js"))).toEqual(["_later.js", "_shared.js", "deep/other.js", "index.js"]);
  const printed = run(`const { later, made, Shared, where } = await import("./dist/index.js");
    const { isMade } = await import("./dist/deep/other.js");
    console.log(where, made() instanceof Shared, made().part, isMade(), await later());`);
  expect(printed).toBe(`${join("a", "b")} true one true 42`);
});

test("an export path exports what its source does, and nothing else", async () => {
  write(sample);
  await bundlePackage(dir);
  expect(run(`console.log(Object.keys(await import("./dist/index.js")).join())`)).toBe("Shared,later,made,where");
  expect(run(`console.log(Object.keys(await import("./dist/deep/other.js")).join())`)).toBe("isMade");
});

test("declarations stay, JavaScript of an earlier build goes", async () => {
  write({ ...sample, "dist/index.d.ts": "declarations", "dist/old/part.js": "old", "dist/old/part.js.map": "old" });
  await bundlePackage(dir);
  expect(readFileSync(join(dir, "dist/index.d.ts"), "utf8")).toBe("declarations");
  expect(existsSync(join(dir, "dist/old/part.js"))).toBe(false);
  expect(existsSync(join(dir, "dist/old/part.js.map"))).toBe(false);
});

test("declarations whose source is gone go with it", async () => {
  write({ ...sample, "dist/old/part.d.ts": "old", "dist/old/part.d.ts.map": "old", "dist/part.d.ts.map": "map" });
  await bundlePackage(dir);
  expect(existsSync(join(dir, "dist/old/part.d.ts"))).toBe(false);
  expect(existsSync(join(dir, "dist/old/part.d.ts.map"))).toBe(false);
  expect(readFileSync(join(dir, "dist/part.d.ts.map"), "utf8")).toBe("map");
});

test("the same sources give the same bytes, with maps that name the sources", async () => {
  write(sample);
  const read = (): Record<string, string> =>
    Object.fromEntries(
      readdirSync(join(dir, "dist"), { recursive: true, encoding: "utf8" })
        .filter((f) => /\.(js|map)$/.test(f))
        .map((f) => [f, readFileSync(join(dir, "dist", f), "utf8")]),
    );
  await bundlePackage(dir);
  const first = read();
  await bundlePackage(dir);
  expect(read()).toEqual(first);
  const { sources } = JSON.parse(first["_shared.js.map"] ?? "{}") as { sources?: string[] };
  expect(sources).toEqual(["../src/shared.ts"]);
});

describe("what the manifest itself imports under another name", () => {
  const targets = {
    "helsekontakt-source": "./src/words.ts",
    module: "./dist/words.js",
    node: "./dist/words-on-demand.js",
    default: "./dist/words.js",
  };
  const divided = {
    "package.json": JSON.stringify({ ...JSON.parse(manifest("index")), imports: { "#words": targets } }),
    "src/index.ts": `import { words } from "#words";
      import { base } from "./base.ts";
      export const length = base.length;
      export const say = (): string => words();`,
    "src/base.ts": `export const base = "base";`,
    "src/words.ts": `import { base } from "./base.ts";
      export const words = (): string => base + " and words";`,
    "src/words-on-demand.ts": `import { createRequire } from "node:module";
      const require = createRequire(import.meta.url);
      export const words = (): string => (require("./words.js") as typeof import("./words.ts")).words();`,
  };

  test("is read by Node when it is needed, and shares what others have loaded", async () => {
    write(divided);
    const files = await bundlePackage(dir);
    expect(files.filter((f) => f.endsWith(".js"))).toEqual(["_base.js", "index.js", "words-on-demand.js", "words.js"]);
    expect(run(`const { length, say } = await import("./dist/index.js"); console.log(length, say())`)).toBe(
      "4 base and words",
    );
    rmSync(join(dir, "dist/words.js"));
    expect(run(`console.log((await import("./dist/index.js")).length)`)).toBe("4");
  });

  test("is part of what a bundler makes of the package", async () => {
    write(divided);
    await bundlePackage(dir);
    const bundle = await rolldown({ input: join(dir, "dist/index.js"), platform: "node" });
    await bundle.write({ file: join(dir, "whole.mjs") });
    await bundle.close();
    rmSync(join(dir, "dist"), { recursive: true });
    expect(run(`console.log((await import("./whole.mjs")).say())`)).toBe("base and words");
  });
});

test("what the same entries read is one file, whatever else reads parts of it later or rarely", async () => {
  const name = { "helsekontakt-source": "./src/words.ts", module: "./dist/words.js", node: "module" };
  const { exports } = JSON.parse(manifest("index", "other", "rare")) as { exports: object };
  write({
    "package.json": JSON.stringify({
      type: "module",
      exports,
      imports: { "#words": name },
      bundle: { behind: ["./rare"] },
    }),
    "src/index.ts": `export { say } from "./say.ts";
      export { base } from "./base.ts";`,
    "src/other.ts": `export { say } from "./say.ts";
      export { listed } from "./listed.ts";`,
    "src/rare.ts": `export { listed } from "./listed.ts";`,
    "src/base.ts": `export const base = "base";`,
    "src/listed.ts": `export const listed = ["a", "b"];`,
    "src/words.ts": `import { base } from "./base.ts";
      import { listed } from "./listed.ts";
      export const words = (): string => base + listed.join();`,
    "src/say.ts": `import { base } from "./base.ts";
      import { listed } from "./listed.ts";
      export { sayAll } from "./say-all.ts";
      export const say = (): string => base + listed.length;`,
    "src/say-all.ts": `export const sayAll = "all";`,
  });
  const files = await bundlePackage(dir);
  expect(files.filter((f) => f.endsWith(".js"))).toEqual([
    "_of-index-and-other.js",
    "index.js",
    "other.js",
    "rare.js",
    "words.js",
  ]);
  expect(run(`console.log((await import("./dist/rare.js")).listed, (await import("./dist/words.js")).words())`)).toBe(
    "[ 'a', 'b' ] basea,b",
  );
});

test("an export path that holds what it shares is one file, which the others import", async () => {
  const { exports } = JSON.parse(manifest("index", "deep/other", "rare")) as { exports: object };
  write({
    "package.json": JSON.stringify({
      type: "module",
      exports,
      bundle: { behind: ["./rare"], whole: ["./deep/other"] },
    }),
    "src/index.ts": `export { say } from "./deep/other.ts";`,
    "src/deep/other.ts": `import { listed } from "../listed.ts";
      export const say = (): string => listed.join();`,
    "src/listed.ts": `export const listed = ["a", "b"];`,
    "src/rare.ts": `export { listed } from "./listed.ts";`,
  });
  const files = await bundlePackage(dir);
  expect(files.filter((f) => f.endsWith(".js"))).toEqual(["deep/other.js", "index.js", "rare.js"]);
  expect(
    run(`const { say } = await import("./dist/deep/other.js");
    const index = await import("./dist/index.js");
    console.log(say(), index.say === say, Object.keys(index), (await import("./dist/rare.js")).listed.length)`),
  ).toBe("a,b true [ 'say' ] 2");
  const { sources } = JSON.parse(readFileSync(join(dir, "dist/deep/other.js.map"), "utf8")) as { sources: string[] };
  expect(sources).toEqual(["../../src/listed.ts", "../../src/deep/other.ts"]);
});

test("other packages stay imports", async () => {
  write({ ...sample, "src/index.ts": `export { thing } from "another/part";`, "package.json": manifest("index") });
  await bundlePackage(dir);
  expect(readFileSync(join(dir, "dist/index.js"), "utf8")).toContain(`from "another/part"`);
});

test("a module below dist that looks beside itself is refused by name", async () => {
  write({ ...sample, "src/deep/other.ts": `export const beside = new URL("./x.json", import.meta.url);` });
  await expect(bundlePackage(dir)).rejects.toThrow("deep/other.js");
});

test("a module that looks beside itself and is joined into a file above it is refused by name", async () => {
  const beside = `export const beside: URL = new URL("../../x.json", import.meta.url);`;
  write({ ...sample, "src/index.ts": `export { beside } from "./deep/beside.ts";`, "src/deep/beside.ts": beside });
  await expect(bundlePackage(dir)).rejects.toThrow(join("src", "deep", "beside.ts"));
});

test("an import that leads nowhere is refused", async () => {
  write({ ...sample, "src/later.ts": `export { nothing as answer } from "./part.ts";` });
  await expect(bundlePackage(dir)).rejects.toThrow();
});
