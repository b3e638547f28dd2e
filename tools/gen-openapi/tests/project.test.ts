import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { generateFromDocuments } from "../src/project.ts";

// Documents as others have them: what is written is used where nothing of this repository is beside it but its packages.

const root = fileURLToPath(new URL("../../..", import.meta.url));
let work = "";
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), "gen-openapi-"));
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

function put(path: string, value: unknown): string {
  const file = join(work, "from", path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
  return file;
}

const pet = { type: "object", required: ["name"], properties: { name: { type: "string", maxLength: 5 } } };
const openapi = {
  openapi: "3.0.1",
  info: { title: "Pets", version: "v2" },
  paths: {
    "/pets": {
      post: {
        operationId: "addPet",
        requestBody: { content: { "application/json": { schema: pet } } },
        responses: { "204": { description: "Added" } },
      },
    },
  },
};
const swagger = {
  swagger: "2.0",
  info: { title: "Toys", version: "1" },
  paths: {
    "/toys": {
      get: { operationId: "toys", responses: { "200": { description: "All", schema: { type: "array", items: pet } } } },
    },
  },
};

describe("generateFromDocuments()", () => {
  it("compiles every API below a folder, by a name of its own, and passes over what is none", async () => {
    put("Pets/v2.json", openapi);
    put("toys.json", swagger);
    put("settings.json", { editor: true });
    put("notes.json", "not JSON");
    const { files, documents, refused } = await generateFromDocuments(join(work, "from"));
    expect(files.map((f) => f.path)).toEqual(
      ["pets-v2", "toys"].flatMap((id) => [`types/${id}.ts`, `validators/${id}.ts`]),
    );
    expect([documents, refused]).toEqual([2, []]);
    expect(files[0]?.content).toContain("from Pets/v2.json version v2 ");
  });

  it("refuses one that does not compile by name and place, and goes on with the others", async () => {
    put("toys.json", swagger);
    put("broken.json", { ...openapi, paths: { "/pets": { post: { responses: { "200": { $ref: "#/nowhere" } } } } } });
    const { files, refused } = await generateFromDocuments(join(work, "from"));
    expect(files.map((f) => f.path)).toEqual(["types/toys.ts", "validators/toys.ts"]);
    expect(refused).toHaveLength(1);
    expect(refused[0]).toMatch(/^broken\.json#\/paths.*expected .*, found /s);
  });

  it("refuses a folder without one, and two of one name", async () => {
    put("settings.json", {});
    await expect(generateFromDocuments(join(work, "from"))).rejects.toThrow("expected a document of OpenAPI 3.0");
    put("a b.json", openapi);
    put("a-b.json", openapi);
    await expect(generateFromDocuments(join(work, "from"))).rejects.toThrow("found the name a-b, as a b.json has");
  });

  it("writes checks that run, and types that a strict project compiles, with the packages alone", async () => {
    const { files } = await generateFromDocuments(put("pets.json", openapi));
    for (const { path, content } of files) {
      mkdirSync(join(work, dirname(path)), { recursive: true });
      writeFileSync(join(work, path), content);
    }
    writeFileSync(join(work, "package.json"), '{"type":"module"}');
    symlinkSync(join(root, "tools/conformance/node_modules"), join(work, "node_modules"));
    writeFileSync(
      join(work, "run.ts"),
      `import { validateBody } from "@helsekontakt/validators/openapi";
import { bodies } from "./validators/pets.ts";
import type { operations } from "./types/pets.ts";
const body: NonNullable<operations["addPet"]["requestBody"]>["content"]["application/json"] = { name: "Rex" };
const say = (value: unknown): string =>
  validateBody(bodies, { operationId: "addPet" }, value)?.issues.map((i) => i.path).join() ?? "nothing stated";
process.stdout.write(JSON.stringify([say(body), say({ name: "too long" }), say({})]));
`,
    );
    const compiled = spawnSync(
      join(root, "node_modules/.bin/tsc"),
      "--noEmit --strict --exactOptionalPropertyTypes --skipLibCheck --module nodenext --target es2022 --allowImportingTsExtensions --types node --customConditions helsekontakt-source run.ts".split(
        " ",
      ),
      { cwd: work, encoding: "utf8" },
    );
    expect(compiled.stdout).toBe("");
    const ran = spawnSync(
      process.execPath,
      ["--experimental-strip-types", "--no-warnings", "--conditions=helsekontakt-source", "run.ts"],
      { cwd: work, encoding: "utf8" },
    );
    expect([ran.stderr, JSON.parse(ran.stdout || "null")]).toEqual(["", ["", "/name", expect.any(String)]]);
  }, 30_000);
});
