import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative } from "node:path";
import { type OutputChunk, rolldown } from "rolldown";

/** What the names of files begin with that only lead to another. */
const leading = "__leads-on/";

/** What each module imports. */
type Graph = ReadonlyMap<string, readonly string[]>;

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly "helsekontakt-source": string; readonly default: string }>>;
  /** What the package's own modules import by a name that stands for another file in Node, in bundlers and in `src`. */
  readonly imports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly bundle?: {
    /** Export paths that may load more than they use, so that the others need not load one file more. */
    readonly behind?: readonly string[];
    /**
     * Export paths whose file holds what it shares with others too: whoever imports one loads one file. At run time that file
     * exports what the others need of it as well; declarations do not name it.
     */
    readonly whole?: readonly string[];
  };
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
  const {
    exports,
    imports = {},
    bundle: { behind = [], whole = [] } = {},
  } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as Manifest;
  const dist = join(dir, "dist");
  const nameOf = (file: string): string => relative(dist, join(dir, file)).replaceAll("\\", "/").replace(/\.js$/, "");
  const own = Object.values(imports).flatMap((targets) =>
    Object.values(targets).filter((file) => file.startsWith("./dist/") && file.endsWith(".js")),
  );
  const input = Object.fromEntries([
    ...Object.values(exports).map((e) => [nameOf(e.default), join(dir, e["helsekontakt-source"])] as const),
    ...own.map((file) => [nameOf(file), join(dir, "src", `${nameOf(file)}.ts`)] as const),
  ]);
  const graph = new Map<string, readonly string[]>();
  const bundle = await rolldown({
    input,
    cwd: dir,
    plugins: [
      {
        name: "graph",
        buildEnd() {
          for (const id of this.getModuleIds()) graph.set(id, this.getModuleInfo(id)?.importedIds ?? []);
        },
      },
    ],
    platform: "node",
    // Other packages stay what they are: one copy of each class, chosen by who installs.
    external: (id) => !id.startsWith(".") && !isAbsolute(id),
    transform: { target: "node22.13" },
    onLog: (level, log) => {
      if (level === "warn") throw new Error(`expected a package that can be joined, found: ${log.message}`);
    },
  });
  const sources = Object.entries(exports).map(([path, e]) => [path, join(dir, e["helsekontakt-source"])] as const);
  const first = sources.flatMap(([path, file]) => (behind.includes(path) ? [] : [file]));
  const others = Object.values(input).filter((file) => !first.includes(file));
  const opened = new Map(sources.flatMap(([path, file]) => (whole.includes(path) ? [[file, path] as const] : [])));
  const openedIn = (modules: readonly string[]): string | undefined => modules.find((id) => opened.has(id));
  let together: ReadonlyMap<string, string> | undefined;
  const { output } = await bundle.generate({
    ...(others.length === 0
      ? {}
      : {
          codeSplitting: {
            groups: [
              {
                debugName: "shared",
                name: (id: string) => (together ??= sharedFiles(graph, first, others, opened)).get(id) ?? null,
              },
            ],
          },
        }),
    format: "esm",
    // What only leads to a file that holds the entry itself is left out, and its name is that file's.
    entryFileNames: ({ facadeModuleId, moduleIds }) =>
      opened.has(facadeModuleId ?? "") && moduleIds.length === 0 ? `${leading}[name].js` : "[name].js",
    // Beside the entries, never below: modules find `package.json` by their own address.
    chunkFileNames: ({ moduleIds }) => {
      const file = openedIn(moduleIds);
      return file === undefined ? "_[name].js" : `${nameOf(exports[opened.get(file) as string]?.default ?? "")}.js`;
    },
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
    if (!file.fileName.startsWith(leading))
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

/**
 * Names of files for modules that several of the first entries read, and others as well: the same name for all that the
 * same ones of the first read. So what reads them later, or rarely, does not divide them once more.
 */
function sharedFiles(
  graph: Graph,
  first: readonly string[],
  others: readonly string[],
  opened: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const readers = new Map<string, string>();
  for (const entry of first)
    for (const id of reachedFrom([entry], graph)) readers.set(id, `${readers.get(id) ?? ""}\n${entry}`);
  const divided = new Set([...reachedFrom(others, graph)].map((id) => readers.get(id)));
  const files = new Map<string, string>();
  for (const [id, key] of readers) {
    const by = first.filter((entry) => key.split("\n").includes(entry));
    if (!divided.has(key) || (first.includes(id) && !opened.has(id)) || by.length < 2) continue;
    files.set(id, `of-${by.map((entry) => basename(entry, ".ts")).join("-and-")}`);
  }
  return files;
}

function reachedFrom(entries: readonly string[], graph: Graph): ReadonlySet<string> {
  const reached = new Set(entries);
  for (const id of reached) for (const next of graph.get(id) ?? []) if (isAbsolute(next)) reached.add(next);
  return reached;
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
