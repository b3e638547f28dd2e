import { appendFileSync, readFileSync } from "node:fs";
import { TestRunner } from "vitest";

// Runs in the process of the tests: each test once as it is, to see which mutants it comes by, then with those that still
// live. Most change nothing that this test looks at, so they are tried in groups, which double as long as the test passes
// and are halved when it fails. A mutant that the test fails for alone is killed only when the test passes again without
// it: what it may have left behind must not kill the next one.

/** A line of the log: what has been tried, so that a process that a mutant brings down is followed by another. */
export type Line =
  | { readonly pid: number }
  /** What the numbers stand for: a source may change between two runs. */
  | { readonly names: readonly string[] }
  /** The test has passed as it is, in `ms`; these mutants it comes by. */
  | { readonly covers: readonly number[]; readonly test: string; readonly ms: number }
  | { readonly trying: readonly number[]; readonly test: string; readonly limitMs: number }
  | { readonly lives: readonly number[]; readonly test: string }
  | { readonly killed: number; readonly test: string; readonly how: "failed" | "hangs" | "ends the process" }
  /** The test no longer passes as it is after these, or does not end with them: each is tried alone, in a new process. */
  | { readonly spoils: readonly number[]; readonly test: string }
  | { readonly done: string; readonly round: number }
  /** Does not pass as it is. */
  | { readonly unfit: string };

interface Job {
  readonly log: string;
  /** Name of the global function that the sources ask whether a mutant is on. */
  readonly switchName: string;
  /** Numbers of the mutants to try, for each file of tests. */
  readonly wanted: Readonly<Record<string, readonly number[]>>;
  /** Of each mutant, by its number: what two have in common, one may hide the other. */
  readonly places: readonly string[];
  /** One at a time: also those that a test has passed with in a group, where one may have hidden another. */
  readonly alone: boolean;
  readonly round: number;
  /** Tests that take longer, in milliseconds, are left for another round. */
  readonly slowMs: number;
  /** A mutant that takes effect as its module is loaded: it is on for the whole file, from the beginning. */
  readonly always?: number;
}

const job = JSON.parse(process.env["HELSEKONTAKT_MUTANTS"] ?? "{}") as Job;
const write = (line: Line): void => appendFileSync(job.log, `${JSON.stringify(line)}\n`);

let active: ReadonlySet<number> = new Set(job.always === undefined ? [] : [job.always]);
let seen: Set<number> | undefined;
(globalThis as Record<string, unknown>)[job.switchName] = (n: number): boolean => {
  seen?.add(n);
  return active.has(n);
};

/** Where a test stands. */
interface Course {
  readonly name: string;
  /** `usual`: as it is. `again`: as it is, after a mutant that it failed for. */
  step: "usual" | "again" | readonly number[];
  suspects: readonly number[];
  failures: number;
  queue: number[];
  /** How many of the queue are tried together next. */
  together: number;
  limitMs: number;
  begun: number;
  timedOut: boolean;
  stray: number;
}

/** Faults that nobody handles, which vitest counts against the whole run. */
let stray = 0;
process.on("unhandledRejection", () => stray++);

const killed = new Set<number>();
const done = new Set<string>();
const coverage = new Map<string, { readonly covers: readonly number[]; readonly ms: number }>();
const tried = new Set<string>();
const spoilt = new Set<string>();
for (const text of readFileSync(job.log, "utf8").split("\n").filter(Boolean)) {
  const line = JSON.parse(text) as Line;
  if ("killed" in line) killed.add(line.killed);
  else if ("covers" in line) coverage.set(line.test, line);
  else if ("done" in line && line.round === job.round) done.add(line.done);
  else if ("lives" in line && (!job.alone || line.lives.length === 1))
    line.lives.forEach((n) => tried.add(`${n} ${line.test}`));
  else if ("spoils" in line) line.spoils.forEach((n) => spoilt.add(`${n} ${line.test}`));
}
const wanted = new Map(Object.entries(job.wanted).map(([file, numbers]) => [file, new Set(numbers)]));
const isToTry = (n: number, test: string): boolean =>
  wanted.get(test.split(" > ")[0] ?? "")?.has(n) === true && !killed.has(n) && !tried.has(`${n} ${test}`);
write({ pid: process.pid });

const end = (): never => {
  process.kill(process.pid, "SIGKILL");
  throw new Error("ended");
};

type Test = Parameters<TestRunner["onAfterTryTask"]>[0];
type Try = Parameters<TestRunner["onBeforeTryTask"]>[1];

export default class MutantRunner extends TestRunner {
  #course: Course | undefined;

  override async onBeforeRunTask(test: Test): Promise<void> {
    await super.onBeforeRunTask(test);
    const name = `${test.file.name} > ${test.fullTestName}`;
    if (job.always === undefined && (done.has(name) || !this.#isOfUse(name))) test.mode = "skip";
    // How often it runs shows as it runs.
    test.repeats = Number.MAX_SAFE_INTEGER;
    const step = job.always === undefined ? "usual" : [job.always];
    const rest = {
      suspects: [],
      failures: 0,
      queue: [],
      together: 1,
      limitMs: 120_000,
      begun: 0,
      timedOut: false,
      stray: 0,
    };
    this.#course = { name, step, ...rest };
  }

  /** As far as known from before: it comes by a mutant that is to be tried, and is no slow one. */
  #isOfUse(name: string): boolean {
    const known = coverage.get(name);
    if (known === undefined) return true;
    return known.ms <= job.slowMs && known.covers.some((n) => isToTry(n, name));
  }

  override onBeforeTryTask(test: Test, options?: Try): void {
    super.onBeforeTryTask(test, options as never);
    const course = this.#course as Course;
    course.begun = performance.now();
    course.timedOut = false;
    course.stray = stray;
    if (course.step === "usual") seen ??= new Set();
    active = new Set(typeof course.step === "string" ? [] : course.step);
    if (typeof course.step !== "string") write({ trying: course.step, test: course.name, limitMs: course.limitMs });
    if (test.result !== undefined) {
      delete test.result.errors;
      test.result.attempts = [];
    }
  }

  async runTask(test: Test): Promise<void> {
    const course = this.#course as Course;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((_resolve, reject) => {
      timer = setTimeout(() => {
        course.timedOut = true;
        reject(new Error("expected the test to end, found it running"));
      }, course.limitMs);
    });
    try {
      await Promise.race([TestRunner.getTestFn(test)?.(), limit]);
    } finally {
      clearTimeout(timer);
    }
  }

  override async onAfterRetryTask(test: Test, options: never): Promise<void> {
    await super.onAfterRetryTask(test, options);
    const course = this.#course as Course;
    await new Promise((resolve) => setImmediate(resolve));
    const passed = test.result?.state !== "fail" && !course.timedOut && stray === course.stray;
    const next = this.#judge(course, passed);
    if (job.always === undefined) active = new Set();
    if (next === undefined) {
      if (job.always === undefined) write({ done: course.name, round: job.round });
      // A test that is skipped while it runs is not repeated.
      if (test.result !== undefined) test.result.state = "skip";
    } else {
      course.step = next;
      if (test.result !== undefined) test.result.state = "pass";
    }
  }

  /** @returns what the test is run with next, undefined when there is nothing more to try. */
  #judge(course: Course, passed: boolean): Course["step"] | undefined {
    const { step, name } = course;
    if (step === "usual") {
      const ms = performance.now() - course.begun;
      if (!passed) {
        write({ unfit: name });
        return undefined;
      }
      // The first one to come by a module waits for its loading: it is timed once more.
      if (ms > 500 && course.failures++ === 0) return "usual";
      course.failures = 0;
      const covers = [...(seen ?? [])];
      seen = undefined;
      write({ covers, test: name, ms: Math.round(ms) });
      if (ms > job.slowMs) return undefined;
      course.limitMs = Math.round(5_000 + 10 * ms);
      const queue = covers.filter((n) => isToTry(n, name));
      // Those after which the process had to be left come first in a new one, each alone.
      const first = queue.filter((n) => spoilt.has(`${n} ${name}`));
      course.queue = [...first, ...queue.filter((n) => !first.includes(n))];
      return this.#next(course);
    }
    if (step === "again") return this.#afterFailure(course, passed);
    if (passed) {
      write({ lives: step, test: name });
      course.together = Math.min(course.together * 2, 64);
      return job.always === undefined ? this.#next(course) : undefined;
    }
    const [only] = step;
    const alone = step.length === 1 && only !== undefined;
    if (alone && job.always !== undefined) {
      this.#kill(only, name, course.timedOut ? "hangs" : "failed");
      return end();
    }
    if (course.timedOut) {
      // It goes on behind the next test's back. Twice, the second time alone in a new process: the machine may have slept.
      if (alone && spoilt.has(`${only} ${name}`)) this.#kill(only, name, "hangs");
      else write({ spoils: step, test: name });
      return end();
    }
    course.suspects = step;
    return "again";
  }

  /** What comes when the test has run as it is, after it had failed with mutants. */
  #afterFailure(course: Course, passed: boolean): Course["step"] | undefined {
    const { suspects, name } = course;
    const [only] = suspects;
    if (!passed && course.failures++ < 1) return "again";
    const alone = suspects.length === 1 && only !== undefined;
    if (!passed && !(alone && spoilt.has(`${only} ${name}`))) {
      write({ spoils: suspects, test: name });
      return end();
    }
    if (alone) this.#kill(only, name, "failed");
    if (!passed) return end();
    course.failures = 0;
    course.together = Math.max(1, Math.floor(suspects.length / 2));
    if (!alone) course.queue = [...suspects, ...course.queue];
    return this.#next(course);
  }

  #next(course: Course): readonly number[] | undefined {
    const [first] = course.queue;
    if (first === undefined) return undefined;
    if (job.alone || spoilt.has(`${first} ${course.name}`)) return course.queue.splice(0, 1);
    const places = new Set<string>();
    const group: number[] = [];
    for (const n of course.queue) {
      const place = job.places[n] ?? "";
      if (group.length === course.together) break;
      if (places.has(place) || spoilt.has(`${n} ${course.name}`)) continue;
      places.add(place);
      group.push(n);
    }
    course.queue = course.queue.filter((n) => !group.includes(n));
    return group;
  }

  #kill(n: number, test: string, how: "failed" | "hangs"): void {
    killed.add(n);
    write({ killed: n, test, how });
  }
}
