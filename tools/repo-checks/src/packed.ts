import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readPackages, root } from "./workspace.ts";

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
    run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", ...tarballs.map((t) => `./${t}`)]);
    const paths = packages.flatMap((p) =>
      Object.keys(p.manifest.exports)
        .filter((e) => e !== "./postgres" && e !== "./contract")
        .map((e) => p.name + e.slice(1)),
    );
    writeFileSync(
      join(dir, "all.mjs"),
      `${paths.map((path, i) => `import * as m${i} from ${JSON.stringify(path)};`).join("\n")}\nconsole.log([${paths.map((_, i) => `m${i}`).join(",")}].length);\n`,
    );
    run(process.execPath, ["--no-warnings=ExperimentalWarning", "all.mjs"]);
    writeFileSync(
      join(dir, "all.ts"),
      paths
        .map(
          (path, i) => `import type * as m${i} from ${JSON.stringify(path)};\nexport type M${i} = keyof typeof m${i};`,
        )
        .join("\n"),
    );
    writeFileSync(
      join(dir, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          module: "nodenext",
          target: "es2023",
          strict: true,
          noEmit: true,
          types: ["node"],
          typeRoots: [join(root, "node_modules/@types")],
          skipLibCheck: false,
        },
        files: ["all.ts"],
      }),
    );
    run(join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.json"]);
    const help = run(
      process.execPath,
      ["node_modules/.bin/helsekontakt", "--help"].map((a) => (a.startsWith("node_modules") ? join(dir, a) : a)),
    );
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
