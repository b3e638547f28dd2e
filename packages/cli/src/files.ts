import { mkdir, open, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { HelsekontaktError } from "@helsekontakt/core";
import { readXml } from "@helsekontakt/types/xml";

/** Largest file that a command takes: what the XML codec takes, far above any message, as it is held in memory whole. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Largest protected file: the largest document, signed and encrypted. */
export const maxProtectedBytes = MAX_BYTES + 1024 * 1024;

/** Most levels of JSON in each other: more than FHIR's deepest that the validator takes. */
const MAX_LEVELS = 512;

/**
 * Reads one file whole.
 *
 * @throws {HelsekontaktError} `input/invalid` when it cannot be read; `input/too-large`.
 */
export async function readInput(path: string, maxBytes: number = MAX_BYTES): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size <= maxBytes) return await readFile(path);
  } catch (error) {
    throw new HelsekontaktError("input/invalid", `expected a readable file, found ${reasonOf(error)} at ${path}`, {
      hint: "check the path, and that it is a file that you may read",
      original: error,
    });
  }
  throw new HelsekontaktError("input/too-large", `expected a file of at most ${maxBytes} bytes, found more at ${path}`);
}

/**
 * Writes a file, and the folders above it where they are missing.
 *
 * @param mode - who may read and write it, also where it was there before.
 * @throws {HelsekontaktError} `input/invalid` when that is not possible.
 */
export async function writeOutput(path: string, content: string | Uint8Array, mode?: number): Promise<void> {
  try {
    await makeFolder(dirname(path));
    const file = await open(path, "w", mode);
    try {
      // Before anything is in it.
      if (mode !== undefined && (await file.stat()).isFile()) await file.chmod(mode);
      await file.writeFile(content);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new HelsekontaktError("input/invalid", `expected a writable path, found ${reasonOf(error)} at ${path}`, {
      original: error,
    });
  }
}

/** Step by step: Node's recursive form never returns below folders that take no others, such as /proc. */
export async function makeFolder(dir: string): Promise<void> {
  const found = await stat(dir).catch(() => undefined);
  if (found?.isDirectory()) return;
  if (dirname(dir) !== dir) await makeFolder(dirname(dir));
  await mkdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

/**
 * Holds JSON text to a number of levels, before anything walks it by recursion.
 *
 * @throws {HelsekontaktError} `fhir/not-readable` with the line in the context.
 */
export function checkLevels(text: string): void {
  // The closing mark may be absent: a text that never ends is then read once, not from each of its marks.
  const marks = /"(?:[^"\\]|\\.)*"?|[[{\]}]/gs;
  let levels = 0;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    if (mark[0] === "]" || mark[0] === "}") levels--;
    else if (mark[0] === "[" || mark[0] === "{") levels++;
    if (levels > MAX_LEVELS)
      throw new HelsekontaktError("fhir/not-readable", `expected JSON of at most ${MAX_LEVELS} levels, found more`, {
        context: { line: text.slice(0, mark.index).split("\n").length },
      });
  }
}

/**
 * Checks that nothing stands at a path yet.
 *
 * @throws {HelsekontaktError} `input/invalid`
 */
export async function checkNew(path: string): Promise<void> {
  if ((await stat(path).catch(() => undefined)) !== undefined)
    throw new HelsekontaktError("input/invalid", `expected a new file, found one at ${path}`, {
      hint: "give another name: what is there is not replaced",
    });
}

function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
      return "nothing";
    case "EISDIR":
      return "a folder";
    case "EACCES":
    case "EPERM":
      return "no permission";
    default:
      return String((error as NodeJS.ErrnoException).code ?? "a fault");
  }
}

/**
 * Where results with the inputs' names go in a folder.
 *
 * @throws {HelsekontaktError} `input/invalid` when two results would have one name, or a result would replace its input.
 */
export function outputPaths(
  files: readonly string[],
  dir: string,
  name: (file: string) => string = (file) => basename(file),
): ReadonlyMap<string, string> {
  const taken = new Set<string>();
  const inputs = new Set(files.map((file) => resolve(file)));
  const paths = new Map<string, string>();
  for (const file of new Set(files)) {
    const path = join(dir, name(file));
    if (taken.has(path))
      throw new HelsekontaktError("input/invalid", `expected files with different names, found ${name(file)} twice`, {
        hint: "give them in separate runs with separate folders",
      });
    if (inputs.has(resolve(path)))
      throw new HelsekontaktError("input/invalid", "expected another folder than that of the files themselves", {
        hint: "--out names a folder for the results",
      });
    taken.add(path);
    paths.set(file, path);
  }
  return paths;
}

/** True for a file of lines of JSON, by the ending of its name. */
export function isLineFile(path: string): boolean {
  return /\.(?:ndjson|jsonl)$/i.test(path);
}

/**
 * Checks that a file is there to be read as a stream.
 *
 * @throws {HelsekontaktError} `input/invalid` when it cannot be read.
 */
export async function checkReadable(path: string): Promise<void> {
  try {
    const file = await open(path);
    const isFile = await file.stat().then((s) => !s.isDirectory());
    await file.close();
    if (!isFile) throw Object.assign(new Error("a folder"), { code: "EISDIR" });
  } catch (error) {
    throw new HelsekontaktError("input/invalid", `expected a readable file, found ${reasonOf(error)} at ${path}`, {
      hint: "check the path, and that it is a file that you may read",
      original: error,
    });
  }
}

/** What a file holds by its first characters and, for lines of JSON, by the ending of its name. */
export function formOf(path: string, bytes: Uint8Array): "xml" | "json" | "ndjson" {
  if (isLineFile(path)) return "ndjson";
  // Byte order marks, the zero halves of UTF-16 and white space come before what matters.
  const skipped = new Set([0xef, 0xbb, 0xbf, 0xfe, 0xff, 0x00, 0x20, 0x09, 0x0a, 0x0d]);
  const first = bytes.find((b) => !skipped.has(b));
  if (first === undefined) return /\.json$/i.test(path) ? "json" : "xml";
  return first === 0x7b || first === 0x5b || (first !== 0x3c && /\.json$/i.test(path)) ? "json" : "xml";
}

/** Name and namespace of a document element. */
export interface Root {
  readonly ns: string;
  readonly name: string;
}

class Found extends Error {
  readonly root: Root;

  constructor(root: Root) {
    super("found");
    this.root = root;
  }
}

/** The document element, or nothing when the document breaks off before it. */
export function rootOf(bytes: Uint8Array): Root | undefined {
  try {
    readXml(bytes, {
      open: ({ uri, local }) => {
        throw new Found({ ns: uri, name: local });
      },
      text: () => undefined,
      close: () => undefined,
    });
  } catch (reason) {
    if (reason instanceof Found) return reason.root;
    if (reason instanceof HelsekontaktError) return undefined;
    throw reason;
  }
  return undefined;
}
