import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join, relative } from "node:path";
import { type OutputChunk, rolldown } from "rolldown";

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly "helsekontakt-source": string; readonly default: string }>>;
  /** What the package's own modules import by a name that stands for another file in Node, in bundlers and in `src`. */
  readonly imports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * Writes a package's JavaScript into `dist`: one file for each export path, one for each file that the manifest's own
 * `imports` names, and one for what several of them share. Each
 * module that Node loads takes it about a millisecond, whatever is in it, so the many small files of `src` are joined.
 * Declarations stay as the compiler wrote them; what an earlier build left, of either, is removed.
 *
 * @param dir - the package's folder; its `package.json` names sources and results.
 * @returns names of the files written, relative to `dist`.
 */
export async function bundlePackage(dir: string): Promise<string[]> {
  const { exports, imports = {} } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as Manifest;
  const dist = join(dir, "dist");
  const nameOf = (file: string): string => relative(dist, join(dir, file)).replaceAll("\\", "/").replace(/\.js$/, "");
  const own = Object.values(imports).flatMap((targets) =>
    Object.values(targets).filter((file) => file.startsWith("./dist/") && file.endsWith(".js")),
  );
  const input = Object.fromEntries([
    ...Object.values(exports).map((e) => [nameOf(e.default), join(dir, e["helsekontakt-source"])] as const),
    ...own.map((file) => [nameOf(file), join(dir, "src", `${nameOf(file)}.ts`)] as const),
  ]);
  const bundle = await rolldown({
    input,
    cwd: dir,
    platform: "node",
    // Other packages stay what they are: one copy of each class, chosen by who installs.
    external: (id) => !id.startsWith(".") && !isAbsolute(id),
    transform: { target: "node22.13" },
    onLog: (level, log) => {
      if (level === "warn") throw new Error(`expected a package that can be joined, found: ${log.message}`);
    },
  });
  const { output } = await bundle.generate({
    format: "esm",
    entryFileNames: "[name].js",
    // Beside the entries, never below: modules find `package.json` by their own address.
    chunkFileNames: "_[name].js",
    minifyInternalExports: false,
    // Text of one byte a character is read and kept in half the room.
    charset: "ascii",
    // What documents the code stands in the declarations.
    comments: { legal: true, annotation: true, jsdoc: false },
    sourcemap: true,
    sourcemapExcludeSources: true,
  });
  await bundle.close();
  const files = new Map<string, string>();
  for (const file of output)
    files.set(file.fileName, file.type === "chunk" ? checked(file, dir) : Buffer.from(file.source).toString("utf8"));
  for (const [name, text] of files) {
    mkdirSync(dirname(join(dist, name)), { recursive: true });
    writeFileSync(join(dist, name), text);
  }
  for (const entry of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    const name = entry.replaceAll("\\", "/");
    const declared = /^(.*)\.d\.ts(\.map)?$/.exec(name)?.[1];
    const stays =
      declared === undefined
        ? files.has(name) || !/\.js(\.map)?$/.test(name)
        : existsSync(join(dir, "src", `${declared}.ts`));
    if (!stays) rmSync(join(dist, name));
  }
  return [...files.keys()].sort();
}

/** The text of a file. A module that looks for something beside itself must stay as deep as it was. */
function checked({ fileName, code, modules }: OutputChunk, dir: string): string {
  for (const [id, module] of Object.entries(modules))
    if (
      module.code?.includes("import.meta.url") === true &&
      (fileName.includes("/") || dirname(id) !== join(dir, "src"))
    )
      throw new Error(
        `expected import.meta.url in modules of src itself and files of dist itself, found it in ${fileName} (${relative(dir, id)})`,
      );
  return code;
}
