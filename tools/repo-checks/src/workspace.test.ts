import { describe, expect, it } from "vitest";
import { allowedImports } from "./layering.ts";
import { exportedNames } from "./public-names.ts";
import { importsOf, packageOf } from "./workspace.ts";

describe("importsOf()", () => {
  it("finds static, type-only, re-exported and dynamic imports, and none in comments", () => {
    const text = `import a from "a";\nimport type { B } from "@s/b/sub";\nexport { c } from "./c.ts";\nconst d = await import("d");\n// import "e";\n/* import "f" */\nimport "g";`;
    expect(importsOf(text).sort()).toEqual(["./c.ts", "@s/b/sub", "a", "d", "g"]);
  });
});

describe("packageOf()", () => {
  it("drops the subpath and keeps the scope", () => {
    expect([packageOf("@s/b/sub"), packageOf("rhea/lib"), packageOf("rhea")]).toEqual(["@s/b", "rhea", "rhea"]);
  });
});

describe("exportedNames()", () => {
  it("lists explicit, renamed, type and declared exports", () => {
    expect(
      exportedNames(
        `export { a, type B, c as d } from "./x.ts";\nexport type { E };\nexport const f = 1;\nexport interface G {}\nconst h = 2;`,
      ),
    ).toEqual(["B", "E", "G", "a", "d", "f"]);
  });
});

describe("allowedImports", () => {
  it("has no cycles", () => {
    const visit = (name: string, path: readonly string[]): void => {
      expect(path).not.toContain(name);
      for (const next of allowedImports[name] ?? []) visit(next, [...path, name]);
    };
    for (const name of Object.keys(allowedImports)) visit(name, []);
  });
});
