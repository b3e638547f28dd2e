import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// What runs that take hours have found, as it is kept in the repository: written by those runs alone.

export const soakPath: string = fileURLToPath(new URL("../helseid-soak.json", import.meta.url));
export const coveragePath: string = fileURLToPath(new URL("../helseid-coverage.json", import.meta.url));
export const mutantsPath: string = fileURLToPath(new URL("../helseid-mutants.json", import.meta.url));

/** What a run found. */
export interface SoakRecord {
  readonly seconds: number;
  readonly calls: number;
  readonly failed: number;
  readonly grants: number;
  readonly askedForToken: number;
  readonly faults: number;
  /** Kilobytes on the heap after a collection: after the warm-up, then at each tenth of the run. */
  readonly heapKb: readonly number[];
  readonly loopDelayP99Ms: number;
  readonly processors: number;
  /** The operating system's priority of its processes: 0 is the usual one, -20 goes before all others. */
  readonly priority: number;
  /** Processes of the whole machine that wanted a processor, at moments of the run. */
  readonly loadAverage: readonly number[];
}

/** The record that is kept in the repository. */
export function soakRecord(): SoakRecord {
  return JSON.parse(readFileSync(soakPath, "utf8")) as SoakRecord;
}

/** 99.9 % of the calls, and a flat heap: what 20 tenants need, and no more in the last third than in the first. */
export function soakHolds({ calls, failed, heapKb }: SoakRecord): boolean {
  const [first = 0] = heapKb;
  const grows = Math.max(...heapKb.slice(-3)) > Math.max(first, ...heapKb.slice(1, 4)) * 1.05 + 256;
  return calls > 0 && failed <= calls * 0.001 && !grows;
}

/** An event loop that is never held for long, as far as the machine lets the process run. */
export function loopHolds({ loopDelayP99Ms }: SoakRecord): boolean {
  return loopDelayP99Ms < 20;
}

/** What came of the mutants, or of a sample of them. */
export interface MutantRecord {
  readonly command: string;
  /** False for a run that was ended before each survivor had met every test: its score is at least what it says. */
  readonly complete: boolean;
  readonly date: string;
  /** SHA-256 of the sources that were mutated. */
  readonly sources: string;
  readonly mutants: number;
  /** Left out: nobody could tell them from the original. */
  readonly equivalent: number;
  /** How many were tried. */
  readonly sample: number;
  readonly seed: number;
  readonly killed: number;
  /** Of those: by a test that did not end, or by the end of its process. */
  readonly killedByTime: number;
  readonly survived: readonly string[];
}

export function mutantRecord(): MutantRecord {
  return JSON.parse(readFileSync(mutantsPath, "utf8")) as MutantRecord;
}

/** How much of the sources the tests run through, in percent. */
export interface CoverageRecord {
  readonly command: string;
  readonly date: string;
  /** SHA-256 of the sources. */
  readonly sources: string;
  readonly lines: number;
  readonly branches: number;
}

/** Undefined as long as no run has been recorded. */
export function coverageRecord(): CoverageRecord | undefined {
  if (!existsSync(coveragePath)) return undefined;
  return JSON.parse(readFileSync(coveragePath, "utf8")) as CoverageRecord;
}
