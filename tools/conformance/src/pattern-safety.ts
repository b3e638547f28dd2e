import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseAst } from "rolldown/parseAst";
import { createTally } from "./_tally.ts";

// Every regular expression of the packages, generated and written by hand, is looked at by recheck, which proves it linear
// or finds a text that makes it slow. Generated patterns meet texts from outside and must be linear; of those written by hand
// none may be found slow, and what it cannot decide in its time is counted.

// recheck's own JavaScript, and not its engines for other languages.
process.env["RECHECK_BACKEND"] = "pure";
const { check } = await import("recheck");

interface Found {
  readonly source: string;
  readonly flags: string;
  readonly places: string[];
  generated: boolean;
}

const root = fileURLToPath(new URL("../../..", import.meta.url));
const tally = createTally();
const found = new Map<string, Found>();
let composed = 0;

function add(source: string, flags: string, place: string): void {
  const key = `/${source}/${flags}`;
  const entry = found.get(key) ?? { source, flags, places: [], generated: false };
  entry.places.push(place);
  if (place.includes("/gen/")) entry.generated = true;
  found.set(key, entry);
}

type Node = { readonly type?: string; readonly [key: string]: unknown };

function stringOf(node: Node | undefined): string | undefined {
  return node?.type === "Literal" && typeof node["value"] === "string" ? node["value"] : undefined;
}

function walk(node: Node, place: string): void {
  const regex = node["regex"] as { pattern: string; flags: string } | undefined;
  if (node.type === "Literal" && regex) add(regex.pattern, regex.flags, place);
  const callee = node["callee"] as Node | undefined;
  if ((node.type === "NewExpression" || node.type === "CallExpression") && callee?.["name"] === "RegExp") {
    const args = node["arguments"] as Node[];
    const source = stringOf(args[0]);
    if (source === undefined) composed++;
    else add(source, stringOf(args[1]) ?? "", place);
  }
  // The patterns of simple types, as the generator of XML rules writes them.
  if (node.type === "Property" && (node["key"] as Node)["name"] === "patterns") {
    const list = (node["value"] as { elements?: Node[] }).elements ?? [];
    for (const item of list) {
      const source = stringOf(item);
      if (source !== undefined) add(source, "u", place);
    }
  }
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) {
      for (const item of value) if (typeof item === "object" && item !== null) walk(item as Node, place);
    } else if (typeof value === "object" && value !== null && "type" in value) walk(value as Node, place);
  }
}

for (const file of globSync("packages/*/src/**/*.ts", { cwd: root }).sort()) {
  if (file.endsWith(".test.ts") || file.includes("/_")) continue;
  const text = readFileSync(`${root}/${file}`, "utf8");
  // Most generated files hold no expression at all.
  if (!/RegExp|patterns:|\/[^/*\s]/.test(text)) continue;
  walk(parseAst(text, { lang: "ts" }) as unknown as Node, file);
}

const counts = { generated: 0, "of these linear": 0 };
const byHand = { "by hand": 0, linear: 0, polynomial: 0, undecided: 0 };
for (const { source, flags, places, generated } of found.values()) {
  if (generated) counts.generated++;
  else byHand["by hand"]++;
  const said = await check(source, flags, { timeout: 8000 });
  const place = `/${source}/${flags} in ${places[0]}`;
  if (said.status === "safe") {
    if (generated) counts["of these linear"]++;
    else byHand.linear++;
  } else if (said.status === "unknown") {
    byHand.undecided++;
    process.stdout.write(`undecided (${said.error.kind}): ${place}\n`);
  } else if (said.complexity.type === "polynomial") {
    byHand.polynomial++;
    process.stdout.write(`polynomial: ${place}\n`);
  }
  if (generated) tally.check(said.status === "safe", `${place}: ${said.status}`);
  else if (said.status === "vulnerable") tally.miss(`${place}: ${said.complexity.type}`);
}
process.stdout.write(`by hand: ${JSON.stringify(byHand)}, composed when they run, so not looked at: ${composed}\n`);
tally.finish("pattern-safety", counts);
