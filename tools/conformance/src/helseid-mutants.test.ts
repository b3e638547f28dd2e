import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { type Mutant, mutantsOf, switchName, withSwitches } from "./_helseid-mutants.ts";
import { allMutants, equivalents, namesOf, sourcesHash } from "./_helseid-mutants-list.ts";
import { mutantRecord } from "./_helseid-records.ts";

const folder = mkdtempSync(join(tmpdir(), "helsekontakt-mutants-"));
const globals = globalThis as Record<string, unknown>;
afterEach(() => {
  delete globals[switchName];
  rmSync(folder, { recursive: true, force: true });
});

const source = `
const day = 24 * 60;
export function f(a, b, logger) {
  let told = 0;
  logger.warn(a > b ? "more" : "less");
  if (a > b && !b) told += day;
  return /^[ab]+$/.test(String(a)) || [b, a].sort().some((n) => n === 2) ? told : -told;
}
export const g = (list) => { list.push(1); };
`;

it("each switch changes what its mutant says, and nothing else does", async () => {
  const file = join(folder, "source.mjs");
  writeFileSync(file, source);
  const mutants = mutantsOf(file);
  const numbers = mutants.map((_, n) => 100 + n);
  const text = withSwitches(mutants, numbers);
  const asked = new Set<number>();
  let on = -1;
  globals[switchName] = (n: number) => (asked.add(n), n === on);
  const { f, g } = (await import(`data:text/javascript,${encodeURIComponent(text)}`)) as {
    f: (a: unknown, b: unknown, logger: object) => number;
    g: (list: number[]) => void;
  };
  const logger = { warn: () => undefined };
  const outcome = (): string => {
    const list: number[] = [];
    g(list);
    const pairs: [unknown, unknown][] = [
      [2, 0],
      [2, 1],
      [1, 0],
      [0, 0],
      ["ab", 0],
      ["xab", 1],
      ["abx", 1],
      [1, 2],
      [1, 1],
    ];
    return JSON.stringify([list, pairs.map(([a, b]) => (Object.is(f(a, b, logger), -0) ? "-0" : f(a, b, logger)))]);
  };
  const usual = outcome();
  expect(usual).toBe('[[1],[1440,0,-1440,"-0",0,"-0","-0",0,"-0"]]');
  const find = (what: string): Mutant => mutants.find((m) => m.what === what) as Mutant;
  for (const what of [
    "&& -> ||",
    "! -> ",
    "+= -> -=",
    "^ -> ",
    "$ -> ",
    "|| -> &&",
    "some -> every",
    "=== -> !==",
    "list.push(1) -> undefined",
  ]) {
    on = 100 + mutants.indexOf(find(what));
    expect(outcome(), what).not.toBe(usual);
  }
  on = -1;
  expect(outcome()).toBe(usual);
  expect(mutants.filter((m) => m.atLoad).map((m) => m.what)).toEqual(["* -> /"]);
  // What is only told to a logger is left alone.
  expect(mutants.some((m) => m.source.startsWith("logger") && m.what.endsWith("undefined"))).toBe(false);
  expect(asked.size).toBe(mutants.length);
});

it("what is said to change nothing is a mutant of the present sources, and said once", () => {
  const names = namesOf(allMutants());
  expect(new Set(names).size).toBe(names.length);
  const said = equivalents().map((e) => e.mutant);
  expect(said.filter((name) => !names.includes(name))).toEqual([]);
  expect(new Set(said).size).toBe(said.length);
});

it("the record adds up, and is of the present sources or of others", () => {
  const { mutants, equivalent, sample, killed, survived, sources } = mutantRecord();
  expect(killed + survived.length).toBe(sample);
  expect(sample).toBeLessThanOrEqual(mutants - equivalent);
  if (sources !== sourcesHash()) return;
  const names = namesOf(allMutants());
  expect(mutants).toBe(names.length);
  expect(equivalent).toBe(equivalents().length);
  expect(survived.filter((name) => !names.includes(name))).toEqual([]);
});
