import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { ConfigFault } from "@helsekontakt/sdk";

/** Where a value came from: the file itself, another file, or an environment variable. */
export type Source = "config" | `file ${string}` | `env ${string}`;

/** What the references of a configuration stand for, by their dotted path. */
export interface Resolved {
  readonly bytes: ReadonlyMap<string, Buffer>;
  readonly sources: ReadonlyMap<string, Source>;
  readonly faults: readonly ConfigFault[];
}

/** Far above any key or password. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads every `{ "file": … }` and `{ "env": … }` of a configuration, whatever place it has. Nothing else of the process's
 * environment is looked at.
 *
 * @param folder - that relative paths start from.
 */
export async function readReferences(
  value: unknown,
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Resolved> {
  const bytes = new Map<string, Buffer>();
  const sources = new Map<string, Source>();
  const faults: ConfigFault[] = [];
  const read = async (path: string, file: string): Promise<void> => {
    try {
      const content = await readFile(resolve(folder, file));
      if (content.length === 0 || content.length > MAX_BYTES) throw new RangeError("size");
      bytes.set(path, content);
      sources.set(path, `file ${file}`);
    } catch (error) {
      const found = error instanceof RangeError ? "an empty or an oversized one" : "none that can be read";
      faults.push({ path, expected: `a readable file ${file}, found ${found}`, hint: `paths start from ${folder}` });
    }
  };
  const walk = async (part: unknown, path: string, depth: number): Promise<void> => {
    if (!isPlain(part) || depth > 16) return;
    const keys = Object.keys(part);
    const only = keys.length === 1 ? part[keys[0] as string] : undefined;
    if (typeof only === "string" && keys[0] === "file") return read(path, only);
    if (typeof only === "string" && keys[0] === "env") {
      const text = env[only];
      if (text === undefined || text === "")
        faults.push({
          path,
          expected: `environment variable ${only}, found it unset`,
          hint: "export it before the start",
        });
      else {
        bytes.set(path, Buffer.from(text));
        sources.set(path, `env ${only}`);
      }
      return;
    }
    for (const [key, child] of Object.entries(part)) await walk(child, join(path, part, key), depth + 1);
  };
  await walk(value, "", 0);
  return { bytes, sources, faults };
}

/** Dotted path, with list places as `[0]`. */
function join(path: string, parent: object, key: string): string {
  if (Array.isArray(parent)) return `${path}[${key}]`;
  return path === "" ? key : `${path}.${key}`;
}

/** Lists and objects of a literal; key objects, journals and the like are left alone. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
