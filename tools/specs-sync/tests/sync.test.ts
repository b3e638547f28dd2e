import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeGenerated } from "@helsekontakt/codegen";
import { generate } from "@helsekontakt/gen-openapi/src/generate.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { markdown } from "../src/report.ts";
import { applySync, planSync } from "../src/sync.ts";
import { draftChangeset } from "../src/changeset.ts";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const cli = fileURLToPath(new URL("../src/cli.ts", import.meta.url));

/* oxlint-disable typescript/no-explicit-any -- the cases change documents on purpose */
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "specs-sync-"));
  cpSync(join(repository, "specs"), join(root, "specs"), {
    recursive: true,
    filter: (f) => !f.includes("node_modules"),
  });
  mkdirSync(join(root, ".changeset"));
  for (const folder of readdirSync(join(repository, "packages"))) {
    mkdirSync(join(root, "packages", folder), { recursive: true });
    cpSync(join(repository, "packages", folder, "package.json"), join(root, "packages", folder, "package.json"));
    const gen = join(repository, "packages", folder, "src/gen");
    if (existsSync(gen)) cpSync(gen, join(root, "packages", folder, "src/gen"), { recursive: true });
  }
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function read(path: string): any {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}

/** A folder with one changed document. */
function changed(path: string, change: (document: any) => void, name = path.split("/").at(-2) ?? ""): string {
  const document = read(`specs/${path}`);
  change(document);
  const folder = join(root, "from");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(document));
  return folder;
}

const aktivsjekken = "openapi/aktivsjekken/openapi.json";
const withoutOurs = (node: any): void => {
  if (typeof node !== "object" || node === null) return;
  for (const key of Object.keys(node)) if (key.startsWith("x-")) delete node[key];
  for (const value of Object.values(node)) withoutOurs(value);
};

async function run(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, "--root", root, ...args], (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

describe("from a folder", () => {
  it("tells what moved, what it touches, and writes document, sums and changeset", async () => {
    const from = changed("codes/8221.json", (d) => d.codes.push({ code: "X9", label: "New" }), "8221");
    const plan = await planSync({ root, ids: [], from });
    const report = plan.reports.find((r) => r.id === "volven-8221");
    expect(report).toMatchObject({
      state: "moved",
      bump: "minor",
      changes: [{ kind: "added", place: "codes/X9", breaking: false }],
    });
    expect(report?.impact.symbols.some((s) => s.startsWith("types/codes/volven-8221.ts: "))).toBe(true);
    applySync(root, plan);
    expect(read("specs/codes/8221.json").codes.at(-1)).toEqual({ code: "X9", label: "New" });
    const entry = read("specs/manifest.json").documents.find((d: any) => d.id === "volven-8221");
    expect(entry).toMatchObject({ inferred: [], confirmed: ["upstream's own document"] });
    expect(entry.upstream.sha256).toMatch(/^[\da-f]{64}$/);
    const changeset = readFileSync(join(root, draftChangeset(root, plan.entries, plan.reports) ?? ""), "utf8");
    expect(changeset).toMatch(/^---\n"@helsekontakt\/types": minor\n---\n\n/);
    const again = await planSync({ root, ids: [], from });
    expect(again.reports.find((r) => r.id === "volven-8221")?.state).toBe("unchanged");
    expect(again.writes.size).toBe(0);
  });

  it("names the messages that use a code list, a schema or a profile", async () => {
    const functions = async (path: string, id: string, change: (d: any) => void): Promise<readonly string[]> => {
      const from = changed(
        path,
        change,
        path
          .split("/")
          .at(-1)
          ?.replace(/\.json$/, ""),
      );
      const found = await planSync({ root, ids: [id], from });
      return found.reports[0]?.impact.functions ?? [];
    };
    expect(await functions("codes/7601.json", "volven-7601", (d) => d.codes.pop())).toContain(
      "DIALOG_INNBYGGER_EKONTAKT",
    );
    const head = readFileSync(join(root, "specs/xsd/msghead/1.2/MsgHead-v1_2.xsd"), "utf8").replace(
      'name="MIGversion"',
      'name="MIGVersjon"',
    );
    writeFileSync(join(root, "from", "head.xsd"), head);
    const plan = await planSync({ root, ids: ["msghead-1.2"], from: join(root, "from") });
    expect(plan.reports[0]).toMatchObject({
      state: "moved",
      bump: "major",
      changes: [{ kind: "renamed", breaking: true }],
    });
    expect(plan.reports[0]?.impact.functions.length).toBeGreaterThan(3);
    expect(plan.reports[0]?.impact.symbols).toContain("types/xsd/msghead-1.2.ts: MsgInfo");
    expect(markdown(plan.reports)).toContain("### Messages touched");
  });

  it("takes a schema by its namespace, whatever its name, and each file for one document", async () => {
    mkdirSync(join(root, "from"));
    cpSync(join(root, "specs/xsd/tjenesteoversikt/1.0/TjenesteOversikt-v1.0.xsd"), join(root, "from/other-name.xsd"));
    const plan = await planSync({ root, ids: [], from: join(root, "from") });
    expect(plan.reports.filter((r) => r.state !== "not found").map((r) => [r.id, r.state])).toEqual([
      ["tjenesteoversikt-1.0", "unchanged"],
    ]);
  });
});

describe("what our documents know beside upstream", () => {
  it("is carried over where its place is still there, and told where it is not", async () => {
    const before = read(`specs/${aktivsjekken}`);
    const from = changed(aktivsjekken, (d) => {
      withoutOurs(d);
      delete d.servers;
      for (const item of Object.values<any>(d.paths)) if (item.post) delete item.post.operationId;
      delete d.components.schemas.ErAktivStatus.properties.tildeltFullmakt;
    });
    const plan = await planSync({ root, ids: ["aktivsjekken"], from });
    const [report] = plan.reports;
    expect(report?.changes.map((c) => [c.kind, c.name])).toEqual([["removed", "tildeltFullmakt"]]);
    expect(report?.carried).toContain("/servers");
    applySync(root, plan);
    const after = read(`specs/${aktivsjekken}`);
    expect(after.servers).toEqual(before.servers);
    const [path] = Object.keys(before.paths) as [string];
    expect(after.paths[path].post.operationId).toBe("checkActive");
    expect(after.paths[path].post["x-timeout-ms"]).toBe(before.paths[path].post["x-timeout-ms"]);
    expect(JSON.stringify(after)).not.toContain("x-inferred");
  });

  it("is corrected by an overlay, which stops when upstream moved below it", async () => {
    mkdirSync(join(root, "specs/overlays"));
    const overlay = (expect_: unknown): void =>
      writeFileSync(
        join(root, "specs/overlays/aktivsjekken.json"),
        JSON.stringify({
          corrections: [
            {
              at: "/components/schemas/AktivSjekkRequest/properties/fnrListe/maxItems",
              expect: expect_,
              set: 900,
              reason: "the service answers 400 above it",
            },
          ],
        }),
      );
    const from = changed(aktivsjekken, (d) => (d.info.version = "v2"));
    overlay(1000);
    const plan = await planSync({ root, ids: ["aktivsjekken"], from });
    expect(plan.reports[0]).toMatchObject({
      overlays: ["the service answers 400 above it"],
      changes: [{ kind: "narrowed", statement: "maxItems", before: "1000", after: "900", breaking: true }],
    });
    overlay(500);
    await expect(planSync({ root, ids: ["aktivsjekken"], from })).rejects.toThrow(
      /specs\/overlays\/aktivsjekken\.json#\/corrections\/0: expected the value that the correction names at .*maxItems: upstream moved.*found another value/,
    );
    writeFileSync(
      join(root, "specs/overlays/kith.json"),
      JSON.stringify({ corrections: [{ find: "no such text", replace: "", reason: "r" }] }),
    );
    cpSync(join(root, "specs/xsd/kith/2007-01-11/kith.xsd"), join(from, "kith.xsd"));
    await expect(planSync({ root, ids: ["kith"], from })).rejects.toThrow(
      "expected the text to stand in the document once, found it 0 times",
    );
  });
});

describe("the command", () => {
  it("checks without writing: 0 when nothing moved, 1 when it did, 2 when it cannot tell", async () => {
    const from = changed("codes/8221.json", () => undefined, "8221");
    writeFileSync(join(from, "8221.json"), readFileSync(join(root, "specs/codes/8221.json")));
    expect((await run(["volven-8221", "--from", from, "--check"])).code).toBe(0);
    changed("codes/8221.json", (d) => d.codes.pop(), "8221");
    const json = join(root, "report.json");
    const moved = await run([
      "volven-8221",
      "--from",
      from,
      "--check",
      "--json",
      json,
      "--report",
      join(root, "report.md"),
    ]);
    expect(moved.code).toBe(1);
    expect(moved.out).toBe(readFileSync(join(root, "report.md"), "utf8"));
    expect(JSON.parse(readFileSync(json, "utf8")).documents).toHaveLength(1);
    expect(readdirSync(join(root, ".changeset"))).toEqual([]);
    const unknown = await run(["volven-1", "--check"]);
    expect([unknown.code, unknown.err]).toEqual([2, expect.stringMatching(/^specs:sync: .*found volven-1/)]);
    expect((await run(["--nonsense"])).code).toBe(2);
    expect((await run(["--from", join(root, "nowhere")])).code).toBe(2);
  });
});

describe("from an address", () => {
  it("ends in a client whose type error shows the break", async () => {
    const document = read(`specs/${aktivsjekken}`);
    withoutOurs(document);
    const [path] = Object.keys(document.paths) as [string];
    document.components.schemas.AktivSjekkRequest.properties.personer =
      document.components.schemas.AktivSjekkRequest.properties.fnrListe;
    delete document.components.schemas.AktivSjekkRequest.properties.fnrListe;
    document.components.schemas.AktivSjekkRequest.required = ["personer", "omraade"];
    const server = createServer((request, response) => {
      if (request.url === "/swagger/aktivsjekken.json") response.end(JSON.stringify(document));
      else response.writeHead(request.url?.includes("cppa") === true ? 500 : 404).end();
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const from = `http://127.0.0.1:${(server.address() as AddressInfo).port}/swagger/`;
    try {
      expect((await run(["cppa", "--from", from, "--check"])).code).toBe(2);
      expect((await run(["helsekontakter", "--from", from, "--check"])).out).toContain("not found");
      const { code, out } = await run(["aktivsjekken", "--from", from, "--no-generate"]);
      expect(code).toBe(0);
      expect(out).toMatch(/property `\/components\/schemas\/AktivSjekkRequest\/properties\/fnrListe`.*\*\*yes\*\*/);
      expect(readdirSync(join(root, ".changeset"))).toEqual(["specs-aktivsjekken.md"]);
    } finally {
      server.close();
    }
    expect(path).toContain("helsenorgeaktivsjekken");
    // The client's own source on the types that the new document gives.
    for (const [target, folder] of [
      ["types", "types/src/gen/openapi"],
      ["rest-client", "rest-client/src/gen"],
    ] as const)
      writeGenerated(join(root, "packages", folder), await generate(join(root, "specs"), target));
    const client = join(root, "packages/rest-client");
    cpSync(join(repository, "packages/rest-client/src"), join(client, "src"), {
      recursive: true,
      // Fault codes come from another document, and stay as they are.
      filter: (f) => !/\/gen\/(?!faults)/.test(f) && !f.endsWith(".test.ts"),
    });
    cpSync(join(repository, "packages/types/src"), join(root, "packages/types/src"), {
      recursive: true,
      filter: (f) => !f.includes("/gen/openapi"),
    });
    symlinkSync(join(repository, "packages/rest-client/node_modules"), join(client, "node_modules"));
    symlinkSync(join(repository, "packages/types/node_modules"), join(root, "packages/types/node_modules"));
    writeFileSync(
      join(client, "tsconfig.json"),
      JSON.stringify({
        extends: join(repository, "packages/rest-client/tsconfig.json"),
        compilerOptions: {
          noEmit: true,
          types: ["node"],
          typeRoots: [join(repository, "packages/rest-client/node_modules/@types")],
          paths: { "@helsekontakt/types/openapi/*": ["../types/src/gen/openapi/*.ts"] },
        },
        include: ["src"],
      }),
    );
    const tsc = join(repository, "node_modules/.bin/tsc");
    const { text } = await new Promise<{ text: string }>((resolve) => {
      execFile(tsc, ["-p", join(client, "tsconfig.json"), "--pretty", "false"], { cwd: dirname(client) }, (_, out) =>
        resolve({ text: out }),
      );
    });
    const errors = text.split("\n").filter((line) => line.includes("error TS"));
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.every((line) => line.includes("aktivsjekken"))).toBe(true);
    expect(text).toMatch(/fnrListe|personer/);
  });
});
