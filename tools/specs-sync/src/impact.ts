import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { byCodeUnit, type SpecEntry } from "@helsekontakt/codegen";
import type { Change } from "./compare.ts";

/** A name in generated code, and the place in a document that it comes from. */
interface Origin {
  readonly place: string;
  readonly symbol: string;
}

/** What in our packages depends on documents: names in generated code, and messages. */
export interface Impact {
  readonly symbols: readonly string[];
  readonly functions: readonly string[];
}

/** Reads the `@source` pointers of everything generated so far. */
export function readOrigins(root: string): ReadonlyMap<string, readonly Origin[]> {
  const origins = new Map<string, Origin[]>();
  const packages = join(root, "packages");
  if (!existsSync(packages)) return origins;
  for (const folder of readdirSync(packages).sort(byCodeUnit)) {
    const gen = join(packages, folder, "src/gen");
    if (!existsSync(gen)) continue;
    for (const file of readdirSync(gen, { recursive: true, encoding: "utf8" }).sort(byCodeUnit))
      if (file.endsWith(".ts"))
        collect(readFileSync(join(gen, file), "utf8"), `${folder}/${file.replaceAll("\\", "/")}`, origins);
  }
  return origins;
}

function collect(text: string, file: string, origins: Map<string, Origin[]>): void {
  let pending: string[] = [];
  let owner = "";
  for (const line of text.split("\n")) {
    for (const [, pointer] of line.matchAll(/@source (\S+)/g)) if (pointer !== undefined) pending.push(pointer);
    const exported = /^export (?:declare )?(?:interface|type|const|class|function) ([\w$]+)/.exec(line)?.[1];
    const member =
      exported === undefined
        ? /^\s+(?:readonly )?["']?([\p{L}_$][\p{L}\p{N}_$-]*)["']?\??:/u.exec(line)?.[1]
        : undefined;
    if (exported !== undefined) owner = exported;
    const name = exported ?? member;
    if (name === undefined || pending.length === 0) continue;
    const symbol = `${file}: ${exported ?? `${owner}.${name}`}`;
    for (const pointer of pending) {
      const [id = "", place = ""] = pointer.split(/#(.*)/s);
      origins.set(id, [...(origins.get(id) ?? []), { place, symbol }]);
    }
    pending = [];
  }
}

/** Names that come from the places of changes, or from the nearest place around them. */
export function impactOf(
  entry: SpecEntry,
  changes: readonly Change[],
  origins: ReadonlyMap<string, readonly Origin[]>,
  messages: readonly Readonly<Record<string, unknown>>[],
  identity: string | undefined,
): Impact {
  const own = origins.get(entry.id) ?? [];
  const symbols = new Set<string>();
  for (const { place } of changes) {
    const plain = place.replace(/^element:/, "").replaceAll(/\[\d+\]/g, "");
    const depth = Math.max(0, ...own.filter((o) => covers(o.place, plain)).map((o) => o.place.length));
    for (const o of own) if (o.place.length === depth && covers(o.place, plain)) symbols.add(o.symbol);
  }
  return {
    symbols: [...symbols].sort(byCodeUnit),
    functions: changes.length === 0 ? [] : functionsOf(entry, identity, messages),
  };
}

function covers(place: string, inner: string): boolean {
  return place === inner || (inner.startsWith(place) && /^[/.:@]/.test(inner.slice(place.length))) || place === "";
}

/** Messages that name the document: by namespace or canonical address of a part, by header, receipt or code list. */
function functionsOf(
  entry: SpecEntry,
  identity: string | undefined,
  messages: readonly Readonly<Record<string, unknown>>[],
): string[] {
  const address = identity?.split(" ").at(-1) ?? "";
  const [name = "", version = ""] = entry.id.split(/-(?=[\d.]+$)/);
  const list = /^volven-(\d+)$/.exec(entry.id)?.[1];
  return messages
    .filter((message) => {
      const text = JSON.stringify(message);
      return (
        (address !== "" && text.includes(JSON.stringify(address))) ||
        String(message["header"]).toLowerCase() === `${name} ${version}` ||
        (name === "apprec" && message["receipt"] === version) ||
        (list !== undefined && text.includes(`"list":"${list}"`))
      );
    })
    .map((message) => String(message["function"]))
    .sort(byCodeUnit);
}
