import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseFhirJson } from "@helsekontakt/types/fhir";
import type { FhirValidator } from "@helsekontakt/validators/fhir-runtime";
import { canary, createFhirMutator } from "./_fhir-mutations.ts";
import { createTally } from "./_tally.ts";
import { upstreamFiles, upstreamPath } from "./_upstream.ts";

// The profile compiler on the published Norwegian definitions: every profile compiles or is refused by name and place, the
// output compiles under the strictest options, and with it the examples and the broken instances get their listed verdicts;
// the side that only answers and the side that explains agree on each of them and on many small faults.

/** Profiles that lean on definitions which are not published with them, with the name that the refusal gives. */
const refused: Readonly<Record<string, string>> = {
  "StructureDefinition-hn-basis-appointment.json": "http://helsenorge.no/fhir/StructureDefinition/hn-basis-Flag",
};
const archives: Readonly<Record<string, readonly string[]>> = {
  "no-basis": ["fhir/no-basis-2.2.2"],
  all: ["fhir/no-basis-2.2.2", "fhir/kodeverk-0.6.0", "fhir/helsenorge-2.5.8-beta"],
};
const perInstance = Number(process.env["HELSEKONTAKT_MUTATIONS"] ?? "25");
const root = fileURLToPath(new URL("../../..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "gen-fhir-archive-"));
// Node runs the output as it is: what it imports by the name of a compiled file is the source.
registerHooks({
  resolve: (name, context, next) =>
    next(
      context.parentURL?.startsWith(pathToFileURL(work).href) && name.startsWith(".")
        ? name.replace(/\.js$/, ".ts")
        : name,
      context,
    ),
});
const tally = createTally();
const counts = {
  profiles: 0,
  refused: 0,
  "type errors": 0,
  examples: 0,
  "broken found": 0,
  mutations: 0,
  "lines not checked": 0,
};

try {
  writeFileSync(join(work, "package.json"), '{"type":"module"}');
  symlinkSync(join(root, "tools/conformance/node_modules"), join(work, "node_modules"));
  for (const [name, folders] of Object.entries(archives)) make(name, folders);
  compile();
  await judge("no-basis");
  await judge("all");
} finally {
  rmSync(work, { recursive: true, force: true });
}
tally.finish("gen-fhir-archive", counts);

function make(name: string, folders: readonly string[]): void {
  const from = folders.flatMap((f) => ["--from", upstreamPath(f)]);
  const args = [join(root, "tools/gen-fhir/src/cli.ts"), ...from, "--out", join(work, name)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  tally.check(status === 0, `${name}: gen-fhir failed: ${stderr.slice(0, 500)}`);
  const definitions = folders
    .flatMap((f) => upstreamFiles(f, [".json"]))
    .filter((f) => readFileSync(upstreamPath(f), "utf8").includes('"resourceType": "StructureDefinition"'));
  const numbers = /(\d+) profiles, .*?(\d+) refused/.exec(stdout);
  counts.profiles = Number(numbers?.[1]);
  counts.refused = Number(numbers?.[2]);
  tally.check(
    counts.profiles + counts.refused === definitions.length,
    `${name}: a profile was neither compiled nor refused`,
  );
  const lines = stderr.split("\n").filter((l) => l.startsWith("gen-fhir: refused "));
  tally.check(lines.length === counts.refused, `${name}: a refusal without a line of its own`);
  for (const line of lines) {
    const known = Object.entries(refused).find(([file]) => line.includes(file));
    tally.check(known !== undefined && line.includes(known[1]), `${name}: ${line}`);
  }
  counts["lines not checked"] = stderr.split("\n").filter((l) => l.startsWith("gen-fhir: not checked: ")).length;
}

function compile(): void {
  writeFileSync(
    join(work, "tsconfig.json"),
    JSON.stringify({
      extends: join(root, "tools/config/tsconfig.base.json"),
      compilerOptions: {
        types: [],
        rootDir: "/",
        noEmit: true,
        // As in a project that compiles with plain options.
        rewriteRelativeImportExtensions: false,
        customConditions: ["helsekontakt-source"],
        noUnusedLocals: true,
        declaration: false,
        declarationMap: false,
        sourceMap: false,
      },
      include: Object.keys(archives),
    }),
  );
  const { stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", work], { encoding: "utf8" });
  // The packages that the output imports have a check of their own, with the types of Node that these options leave out.
  const errors = stdout
    .split("\n")
    .filter(
      (l) => /error TS/.test(l) && Object.keys(archives).some((a) => l.includes(`${a}/`) && !l.includes("packages/")),
    );
  counts["type errors"] = errors.length;
  tally.check(errors.length === 0, `the output does not compile: ${errors.slice(0, 5).join("; ")}`);
}

interface Listed {
  readonly file: string;
  readonly valid?: boolean;
  readonly profile?: string | readonly string[];
  readonly fault?: string;
}

async function judge(name: string): Promise<void> {
  const { validator } = (await import(pathToFileURL(join(work, name, "index.ts")).href)) as {
    validator: FhirValidator;
  };
  const mutate = createFhirMutator(11);
  for (const index of ["examples/index.json", "broken/index.json"])
    for (const entry of JSON.parse(readFileSync(upstreamPath(`fhir/${index}`), "utf8")) as Listed[]) {
      const text = readFileSync(upstreamPath(`fhir/${entry.file}`), "utf8");
      const wanted = index.startsWith("broken") ? false : entry.valid === true;
      const listed = [...new Set([entry.profile ?? []].flat())];
      const profiles = listed.filter((p) => validator.profiles.includes(p));
      tally.check(profiles.length === listed.length, `${entry.file}: a profile that is not in the build`);
      const run = profiles.length === 0 ? [undefined] : profiles;
      const resource = parseFhirJson(text);
      const results = run.map((p) => validator.validate(resource, p === undefined ? {} : { profile: p }));
      const valid = results.every((r) => r.valid);
      const issues = results.flatMap((r) => r.issues).filter((i) => i.level === "error");
      const said = issues.map((i) => `${i.rule} at ${i.path}`).slice(0, 3);
      tally.check(
        valid === wanted,
        `${name}, ${entry.file}: ${valid ? `valid, though ${entry.fault ?? "broken"}` : said.join("; ")}`,
      );
      if (wanted && valid) counts.examples++;
      if (!wanted && !valid) counts["broken found"]++;
      for (let i = 0; i < perInstance; i++) {
        const changed = parseFhirJson(text);
        mutate(changed);
        counts.mutations++;
        for (const p of run) {
          const found = validator.explain(changed, p).issues;
          tally.check(
            validator.isClean(changed, p) === (found.length === 0),
            `${name}, ${entry.file}, mutation ${i}: two verdicts`,
          );
          tally.check(
            !JSON.stringify(found).includes(canary),
            `${name}, ${entry.file}, mutation ${i}: a value in an issue`,
          );
        }
      }
    }
}
