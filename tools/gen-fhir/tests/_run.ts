import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { generateFromFolders, type Project } from "../src/project.ts";
import { base } from "./_specs.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** What both sides of a validator say of one resource. */
export interface Said {
  readonly issues: string[];
  readonly clean: boolean;
}

/** Compiles definitions, one file each, below a folder. */
export function compile(work: string, definitions: readonly object[]): Project {
  const from = join(work, "definitions");
  mkdirSync(from);
  definitions.forEach((d, i) => {
    writeFileSync(join(from, `${String(i).padStart(2, "0")}.json`), JSON.stringify(d, null, 1));
  });
  return generateFromFolders([from]);
}

/** Writes a project and runs it, in a process of its own, on resources under the profile with the id. */
export function runProject(
  work: string,
  project: Project,
  cases: readonly (readonly [string, object, string, ...unknown[]])[],
): Record<string, Said> {
  writeFileSync(join(work, "package.json"), '{"type":"module"}');
  symlinkSync(join(root, "tools/conformance/node_modules"), join(work, "node_modules"));
  for (const { path, content } of project.files) {
    mkdirSync(dirname(join(work, "out", path)), { recursive: true });
    writeFileSync(join(work, "out", path), content);
  }
  writeFileSync(
    join(work, "run.ts"),
    `import { validator } from "./out/index.js";
const out: Record<string, unknown> = {};
for (const [name, resource, id] of ${JSON.stringify(cases)} as [string, object, string][]) {
  const profile = ${JSON.stringify(base)} + id;
  const { issues } = validator.explain(resource, profile);
  out[name] = { issues: issues.map((i) => i.rule + " " + i.path), clean: validator.isClean(resource, profile) };
}
process.stdout.write(JSON.stringify(out));
`,
  );
  // Node runs the sources as they are: what they import by the name of the compiled file is the source.
  writeFileSync(
    join(work, "sources.mjs"),
    `import { registerHooks } from "node:module";
registerHooks({
  resolve: (name, context, next) => next(name.startsWith(".") ? name.replace(/\\.js$/, ".ts") : name, context),
});
`,
  );
  const options = ["--no-warnings", "--conditions=helsekontakt-source", "--import", "./sources.mjs"];
  const ran = spawnSync(process.execPath, [...options, "run.ts"], { cwd: work, encoding: "utf8" });
  expect(ran.stderr).toBe("");
  return JSON.parse(ran.stdout) as Record<string, Said>;
}
