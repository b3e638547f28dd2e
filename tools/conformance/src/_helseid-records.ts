import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

// What runs that take hours have found, as it is kept in the repository: written by those runs alone.

export const soakPath: string = fileURLToPath(new URL("../helseid-soak.json", import.meta.url));
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

/** What came of a sample of mutants. */
export interface MutantRecord {
  readonly command: string;
  readonly mutants: number;
  readonly sample: number;
  readonly seed: number;
  readonly killed: number;
  /** False for a run that was ended before its survivors had been tried with all tests. */
  readonly complete: boolean;
  /** Some change nothing that can be seen; they count as survivors all the same. */
  readonly survived: readonly string[];
}

export function mutantRecord(): MutantRecord {
  return JSON.parse(readFileSync(mutantsPath, "utf8")) as MutantRecord;
}
