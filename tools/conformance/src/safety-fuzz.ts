import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { HelsekontaktError } from "@helsekontakt/core";
import { rules } from "@helsekontakt/validators/xml";
import { startCoverage } from "./_coverage.ts";
import { operations, type Target, targets } from "./_fuzz-targets.ts";
import { createRuleInstanceMaker } from "./_rule-instances.ts";
import { createRandom } from "./_schema-instances.ts";
import { createTally } from "./_tally.ts";

// Inputs from outside, by the hundred thousand, into everything that reads them: no crash but typed refusals, no blocked event
// loop beyond 50 ms for each 100 KB, no change of Object.prototype, no memory beyond ten times the input. The engine's block
// counters guide it: an input that reaches code no other has reached becomes a seed, and seeds are changed again.
//
// `safety-fuzz.ts SEED COUNT` runs others (a million in a nightly run); `--keep` writes the shortest seeds found to
// fuzz-seeds.json, where every later run starts. No fuzzer of the registry does this without native code.

const [seedText = "20261125", countText = "10000"] = process.argv.slice(2).filter((a) => !a.startsWith("--"));
const count = Number(countText);
const random = createRandom(Number(seedText));
const tally = createTally();
const seedFile = fileURLToPath(new URL("../fuzz-seeds.json", import.meta.url));
const kept = JSON.parse(readFileSync(seedFile, "utf8")) as Record<string, string[]>;
setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
const scraps = [
  "<",
  ">",
  "&",
  "</",
  "/>",
  "]]>",
  "<![CDATA[",
  "<!--",
  "-->",
  "<?",
  "?>",
  "&#0;",
  "&#x10FFFF;",
  "&amp;",
  "<!DOCTYPE x [",
  'xmlns="',
  'xmlns:a="',
  'xsi:type="',
  'xsi:nil="true"',
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
  '"',
  "\\u0000",
  "\\",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  '"__proto__":{"polluted":1}',
  "null",
  "true",
  "1e999",
  "-0",
  "0.10",
  "1E400",
  "resourceType",
  "contained",
  "extension",
  "_birthDate",
  "$any",
  "$items",
  "$type",
  "$ns",
  "$content",
  "value",
  "\0",
  "\ud800",
  "😀",
  "å",
  "\u2028",
  "\ufeff",
  "0",
  "9",
  "12345678901",
  "00000000000",
  "+47",
  "urn:oid:",
  "2.16.578.1.12.4.1",
  "-",
  ".",
  " ",
  "\n",
  "\t",
];

function change(text: string, others: readonly string[]): string {
  let out = text;
  for (let n = 1 + random(4); n > 0; n--) {
    const at = random(out.length + 1);
    const end = Math.min(out.length, at + random(random(4) === 0 ? 200 : 8));
    switch (random(8)) {
      case 0:
        out = out.slice(0, at) + out.slice(end);
        break;
      case 1:
        out = out.slice(0, at) + pick(scraps) + out.slice(at);
        break;
      case 2:
        out = out.slice(0, at) + pick(scraps) + out.slice(end);
        break;
      case 3:
        out = out.slice(0, end) + out.slice(at);
        break;
      case 4:
        out = out.slice(0, at) + out.slice(at, end).repeat(1 + random(50)) + out.slice(end);
        break;
      case 5: {
        const other = pick(others);
        const from = random(other.length + 1);
        out = out.slice(0, at) + other.slice(from, from + random(200)) + out.slice(at);
        break;
      }
      case 6:
        out = out.slice(0, at) + String.fromCharCode(random(random(3) === 0 ? 65536 : 128)) + out.slice(at + 1);
        break;
      default: {
        const other = pick(others);
        out = out.slice(0, at) + other.slice(random(other.length + 1));
      }
    }
  }
  // Mostly short ones, so that there can be many; a long one now and then.
  return out.slice(0, random(500) === 0 ? 100_000 : 2000);
}

const before = JSON.stringify(
  [Object, Array, String, Function, Map].map((c) => Reflect.ownKeys(c.prototype).map(String)),
);
const coverage = startCoverage(["/packages/types/src/", "/packages/validators/src/", "/packages/core/src/"]);
const counts: Record<string, number> = { inputs: 0, seeds: 0 };
const interesting: Record<string, string[]> = {};

/** Milliseconds of this thread: what holds up the loop, whatever else the machine does. */
function processorTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Runs one input. A collection of older garbage may fall into it, so a slow input gets four more chances. */
function run(name: string, target: Target, text: string): void {
  const limit = 50 * Math.max(1, text.length / 100_000);
  let took = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 5 && took > limit; tries++) {
    const started = processorTime();
    try {
      target(text);
    } catch (error) {
      tally.miss(
        `${name}: ${(error as Error).stack?.split("\n").slice(0, 3).join(" ")} from ${JSON.stringify(text.slice(0, 300))}`,
      );
      return;
    }
    took = processorTime() - started;
  }
  tally.check(
    took <= limit,
    `${name}: ${took.toFixed(0)} ms for ${text.length} characters: ${JSON.stringify(text.slice(0, 200))}`,
  );
}

/** Finds the inputs of a batch that reached something, by halves; a few of them are enough. */
function locate(name: string, target: Target, batch: readonly string[]): void {
  let left = 4;
  const search = (part: readonly string[]): void => {
    if (left === 0) return;
    for (const text of part) {
      try {
        target(text);
      } catch {
        // Told by the first run.
      }
    }
    if (part.length > 1) {
      if (!coverage.peek()) return;
      const half = part.length >> 1;
      search(part.slice(0, half));
      search(part.slice(half));
    } else if (coverage.fresh() > 0) {
      (pools[name] as string[]).push(part[0] as string);
      (interesting[name] as string[]).push(part[0] as string);
      counts["seeds"] = (counts["seeds"] ?? 0) + 1;
      left--;
    }
  };
  search(batch);
}

const make = createRuleInstanceMaker(rules, random);
const xml = Object.keys(rules)
  .filter((n) => rules[n]?.abstract !== true)
  .map((n) => make(n))
  .filter((t) => t.length < 4000);
const pools: Record<string, string[]> = {};
for (const name of Object.keys(targets)) {
  pools[name] = [...(kept[name] ?? []), ...(name === "xml" ? xml : [])];
  interesting[name] = [];
}
const names = Object.keys(targets);
/**
 * Inputs between two looks at the counters. A look takes longer than hundreds of inputs, so where one finds nothing the next
 * one comes later.
 */
const few = 250;
const many = 8_000;
const sizes = new Map(names.map((name) => [name, few]));
for (let done = 0, turn = 0; done < count; turn++) {
  const name = names[turn % names.length] as string;
  const target = targets[name] as Target;
  const pool = pools[name] as string[];
  const size = Math.min(sizes.get(name) ?? few, count - done);
  const batch = Array.from({ length: size }, () => change(pick(pool), pool));
  for (const text of batch) run(name, target, text);
  done += size;
  counts["inputs"] = done;
  const found = coverage.peek();
  if (found) locate(name, target, batch);
  sizes.set(name, found ? few : Math.min(2 * size, many));
}
counts["blocks of code reached"] = coverage.seen;
// Of built packages the counters see other files than those that are named above: nothing would have been guided.
tally.check(coverage.seen > 0, "expected the fuzzer to see code, found none: run it with the sources' condition");
coverage.stop();

const after = JSON.stringify(
  [Object, Array, String, Function, Map].map((c) => Reflect.ownKeys(c.prototype).map(String)),
);
tally.check(after === before && ({} as { polluted?: unknown }).polluted === undefined, "a prototype was changed");

// Large inputs: what is held while one is read, and for how long nothing else runs.
const size = 400_000;
const fill = (part: string): string => part.repeat(Math.ceil(size / part.length));
const large: readonly (readonly [string, string, string])[] = [
  [
    "xml",
    "base64",
    `<Base64Container xmlns="http://www.kith.no/xmlstds/base64container">${fill("YWJj")}</Base64Container>`,
  ],
  ["xml", "references", `<a>${fill("&#65;")}</a>`],
  ["xml", "CDATA", `<a>${fill("<![CDATA[x]]>")}</a>`],
  ["xml", "comments", `<a>${fill("<!--x-->")}</a>`],
  ["xml", "one attribute", `<a b="${fill("x")}"/>`],
  [
    "xml",
    "elements with text",
    `<Content xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24">${fill("<Linje>en linje med tekst i</Linje>")}</Content>`,
  ],
  ["xml", "smallest elements", `<a>${fill("<b/>")}</a>`],
  ["xml", "never closed", fill("<a>")],
  ["xml", "one long name", `<${fill("a")}/>`],
  ["fhirJson", "text", `{"resourceType":"Basic","id":"${fill("x")}"}`],
  ["fhirJson", "escapes", `{"resourceType":"Basic","id":"${fill("\\u0041")}"}`],
  ["fhirJson", "digits", `{"resourceType":"Basic","x":1.${fill("0")}1}`],
  ["fhirJson", "arrays inside arrays", fill("[")],
  ["fhirJson", "spaces", `{"resourceType":"Basic"${fill(" ")}}`],
  ["xhtml", "text", `<div xmlns="http://www.w3.org/1999/xhtml">${fill("tekst ")}</div>`],
  ["identifiers", "digits", fill("1")],
  ["identifiers", "parts", fill("1.")],
  ["identifiers", "spaces", fill(" ")],
];
// Not within ten times: in a tree, four characters of markup are an object of 56 bytes and its place in a list.
const aboveTen: Readonly<Record<string, number>> = { "parseXml, smallest elements": 40 };
const over: string[] = [];
const results: unknown[] = [];
for (const [name, kind, text] of large) {
  for (const [operation, work] of Object.entries(
    operations[name] as Readonly<Record<string, (text: string) => unknown>>,
  )) {
    const label = `${operation}, ${kind}`;
    let peak = 0;
    let kept = 0;
    let took = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3; round++) {
      gc();
      const base = held();
      const started = processorTime();
      let result: unknown;
      try {
        result = work(text);
      } catch (error) {
        if (!(error instanceof HelsekontaktError)) tally.miss(`${label}: ${(error as Error).message}`);
      }
      took = Math.min(took, processorTime() - started);
      // With what lies about uncollected, so at least what was needed.
      peak = Math.max(peak, (held() - base) / text.length);
      gc();
      kept = Math.max(kept, (held() - base) / text.length);
      results[0] = result;
    }
    results.length = 0;
    if (peak > 10) over.push(`${label} ${peak.toFixed(0)}`);
    tally.check(kept <= (aboveTen[label] ?? 10), `${label}: keeps ${kept.toFixed(1)} times the input`);
    tally.check(peak <= (aboveTen[label] ?? 10), `${label}: ${peak.toFixed(1)} times the input on the way`);
    const limit = 50 * Math.max(1, text.length / 100_000);
    tally.check(took <= limit, `${label}: ${took.toFixed(0)} ms for ${text.length} characters, at most ${limit}`);
    if (process.argv.includes("--show"))
      process.stdout.write(`${label}: ${took.toFixed(0)} ms, ${peak.toFixed(1)} x, keeps ${kept.toFixed(1)} x\n`);
    counts["large inputs"] = (counts["large inputs"] ?? 0) + 1;
  }
}

process.stdout.write(`more than ten times the input on the way, garbage counted: ${over.join(", ") || "none"}\n`);

function held(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

if (process.argv.includes("--keep")) {
  const out: Record<string, string[]> = {};
  for (const name of names)
    out[name] = [
      ...new Set([
        ...(kept[name] ?? []),
        ...(interesting[name] as string[])
          .filter((t) => t.length < 400 && Buffer.from(t).toString() === t)
          .slice(0, 40),
      ]),
    ];
  writeFileSync(seedFile, `${JSON.stringify(out, null, 1)}\n`);
}
const { inputs = 0, "large inputs": largeInputs = 0, ...passing } = counts;
tally.finish("safety-fuzz", { inputs, "large inputs": largeInputs }, passing);
