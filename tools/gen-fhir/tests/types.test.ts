import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { compile } from "./_run.ts";
import { base, element, profile } from "./_specs.ts";

// What is written compiles where nothing may be left unused, and the types allow what the validators do.

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** What the TypeScript compiler says of the types of some definitions, and of a module that uses them. */
function errors(definitions: readonly object[], use: string): readonly string[] {
  const work = mkdtempSync(join(tmpdir(), "gen-fhir-types-"));
  try {
    const project = compile(work, definitions);
    expect(project.refused).toEqual([]);
    symlinkSync(join(root, "tools/conformance/node_modules"), join(work, "node_modules"));
    const files = project.files.filter((f) => f.path.startsWith("types/"));
    for (const { path, content } of [...files, { path: "use.ts", content: use }]) {
      mkdirSync(dirname(join(work, path)), { recursive: true });
      writeFileSync(join(work, path), content);
    }
    writeFileSync(join(work, "package.json"), '{"type":"module"}');
    const options =
      "--noEmit --strict --noUnusedLocals --exactOptionalPropertyTypes --skipLibCheck --module nodenext --target es2022 --types";
    const { stdout } = spawnSync(
      join(root, "node_modules/.bin/tsc"),
      [
        ...options.split(" "),
        "",
        "--customConditions",
        "helsekontakt-source",
        "--allowImportingTsExtensions",
        "use.ts",
      ],
      { cwd: work, encoding: "utf8" },
    );
    return stdout.split("\n").filter((l) => /^(?:types|use)\b.*error TS/.test(l));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

it("writes nothing that a profile which narrows nothing leaves unused", () => {
  const use =
    'import type { Plain } from "./types/profiles.js";\nexport const p: Plain = { resourceType: "Patient" };\n';
  expect(errors([profile("plain", "Patient", [])], use)).toEqual([]);
  expect(errors([], 'import { profileUrls } from "./types/profiles.js";\nexport const p = profileUrls;\n')).toEqual([]);
}, 60_000);

it("allows each of several profiles and resource types, and no other", () => {
  const definitions = [
    profile("full", "HumanName", [element("HumanName.family", { min: 1 })]),
    profile("short", "HumanName", [element("HumanName.text", { min: 1 })]),
    profile("either", "Patient", [
      element("Patient.name", { type: [{ code: "HumanName", profile: [`${base}full`, `${base}short`] }] }),
      element("Patient.contained", { type: [{ code: "Organization" }, { code: "Practitioner" }] }),
    ]),
  ];
  const use = `import type { Either } from "./types/profiles.js";
export const good: Either = {
  resourceType: "Patient",
  name: [{ family: "A" }, { text: "B" }],
  contained: [{ resourceType: "Practitioner" }, { resourceType: "Organization" }],
};
export const bad: Either = {
  resourceType: "Patient",
  // @ts-expect-error: neither of the two
  name: [{ given: ["A"] }],
  // @ts-expect-error: another resource
  contained: [{ resourceType: "Location" }],
};
`;
  expect(errors(definitions, use)).toEqual([]);
}, 60_000);
