import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { importsOf, packageOf, readPackages, root, sourceFiles, walk } from "./workspace.ts";

/** Every allowed import between packages, in one table; nothing else is allowed. */
export const allowedImports: Readonly<Record<string, readonly string[]>> = {
  core: [],
  types: ["core"],
  validators: ["core", "types"],
  helseid: ["core"],
  "rest-client": ["core", "types"],
  "amqp-messaging": ["core", "types"],
  journal: ["core"],
  sdk: ["core", "types", "validators", "helseid", "rest-client", "amqp-messaging", "journal"],
  sandbox: ["core", "types", "validators", "amqp-messaging"],
  cli: ["core", "types", "validators", "helseid", "rest-client", "amqp-messaging", "journal", "sdk", "sandbox"],
};

/** Tools that may look at packages: measuring and end-to-end checks. */
const toolsAbovePackages = ["bench", "conformance"];

export function checkLayering(): string[] {
  const faults: string[] = [];
  const packages = readPackages();
  const folderOf = new Map(packages.map((p) => [p.name, p.folder]));
  for (const p of packages) {
    const allowed = allowedImports[p.folder];
    if (allowed === undefined) {
      faults.push(`packages/${p.folder}: expected a row in the layer table (tools/repo-checks/src/layering.ts)`);
      continue;
    }
    const declared = { ...p.manifest.dependencies, ...p.manifest.peerDependencies };
    const used = new Set<string>();
    for (const file of sourceFiles(`${p.dir}/src`)) {
      const text = readFileSync(file, "utf8");
      if (/^export \* from/m.test(text) && !file.includes("/gen/"))
        faults.push(`${relative(root, file)}: expected explicit exports, found export *`);
      for (const specifier of importsOf(text)) {
        if (specifier.startsWith(".") || specifier.startsWith("node:")) continue;
        if (specifier.startsWith("#")) {
          if (p.manifest.imports?.[specifier] === undefined)
            faults.push(
              `${relative(root, file)}: imports ${specifier}, which package.json does not name under imports`,
            );
          continue;
        }
        const name = packageOf(specifier);
        used.add(name);
        const folder = folderOf.get(name);
        if (folder !== undefined && folder !== p.folder && !allowed.includes(folder))
          faults.push(`${relative(root, file)}: ${p.folder} may not import ${folder}`);
        if (folder !== p.folder && declared[name] === undefined)
          faults.push(`${relative(root, file)}: imports ${name}, which package.json does not declare`);
      }
    }
    for (const name of Object.keys(p.manifest.dependencies ?? {}))
      if (!used.has(name)) faults.push(`packages/${p.folder}/package.json: declares ${name}, which no source imports`);
  }
  for (const file of walk(`${root}/tools`).filter(
    (f) => /\.(ts|mjs)$/.test(f) && !f.includes("fixtures") && !f.endsWith(".test.ts"),
  )) {
    const tool = relative(`${root}/tools`, file).split(/[\\/]/)[0] ?? "";
    if (toolsAbovePackages.includes(tool)) continue;
    for (const specifier of importsOf(head(readFileSync(file, "utf8")))) {
      if (folderOf.has(packageOf(specifier)))
        faults.push(`${relative(root, file)}: tools may not import packages, found ${specifier}`);
    }
  }
  return faults;
}

/** The imports at the top of a file: generators also hold the imports that they print. */
function head(text: string): string {
  const end = text.search(/^(?:export )?(?:async )?(?:const|let|function|class|interface|type|for|if|await)\b/m);
  return end < 0 ? text : text.slice(0, end);
}
