import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Sandbox, startSandbox } from "@helsekontakt/sandbox";
import { afterAll, afterEach, beforeAll } from "vitest";
import {
  createHelsekontakt,
  type Helsekontakt,
  type HelsekontaktConfig,
  type HelsekontaktEvent,
  openJournal,
  type Patient,
  sqliteStore,
} from "../src/index.ts";

type Journal = Awaited<ReturnType<typeof openJournal>>;

/** One running SDK with everything that it told. */
export interface Running {
  readonly sdk: Helsekontakt;
  readonly journal: Journal;
  readonly events: HelsekontaktEvent[];
  /** The first event that fits, past or to come. */
  seen<T extends HelsekontaktEvent["type"]>(
    type: T,
    fits?: (event: Extract<HelsekontaktEvent, { type: T }>) => boolean,
  ): Promise<Extract<HelsekontaktEvent, { type: T }>>;
}

export interface Harness {
  readonly sandbox: Sandbox;
  /** A new SDK on the sandbox; stopped, and its journal closed, after the test. */
  run(options?: {
    readonly config?: Partial<HelsekontaktConfig>;
    readonly start?: boolean;
    readonly journalFile?: string;
  }): Promise<Running>;
  /** A path for a journal that outlives one SDK. */
  file(name: string): string;
  citizen(status: string, skip?: number): Sandbox["citizens"][number];
  patient(status?: string, skip?: number): Record<keyof Omit<Patient, "middleName">, string>;
}

/** One sandbox for the tests of a file. */
export function useSandbox(): Harness {
  let sandbox: Sandbox | undefined;
  let dir = "";
  let counter = 0;
  const cleanups: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "helsekontakt-"));
    sandbox = await startSandbox({ citizens: 120 });
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    const box = current();
    // What the counterpart sent to a test that is over is not for the next one.
    for (const queue of ["200001_async", "200001_error"]) box.amqp.broker.purge(queue);
    box.faults.clear();
    box.counterpart.answers = () => undefined;
    box.counterpart.plannedOutcomes.length = 0;
    box.counterpart.silent = false;
  });
  afterAll(async () => {
    await sandbox?.close();
    await rm(dir, { recursive: true, force: true });
  });
  const current = (): Sandbox => {
    if (sandbox === undefined) throw new Error("the sandbox has not started");
    return sandbox;
  };
  const citizen: Harness["citizen"] = (status, skip = 0) => {
    const found = current().citizens.filter((c) => c.status === status)[skip];
    if (found === undefined) throw new Error(`no citizen of status ${status}`);
    return found;
  };
  return {
    get sandbox() {
      return current();
    },
    file: (name) => join(dir, name),
    citizen,
    patient(status = "self", skip = 0) {
      const { fnr, familyName, givenName } = citizen(status, skip);
      return { fnr, familyName, givenName };
    },
    async run({ config = {}, start = true, journalFile = join(dir, `journal-${counter++}.sqlite`) } = {}) {
      const journal = await openJournal({ store: sqliteStore({ file: journalFile }) });
      const sdk = createHelsekontakt({ ...current().config, journal, ...config });
      const events: HelsekontaktEvent[] = [];
      sdk.onEvent((event) => events.push(event));
      cleanups.push(async () => {
        await sdk.stop({ drainMs: 2_000 });
        await journal.close();
      });
      if (start) await sdk.start();
      return {
        sdk,
        journal,
        events,
        seen: (type, fits = () => true) =>
          until(() => {
            for (const event of events) {
              if (event.type !== type) continue;
              const typed = event as Extract<HelsekontaktEvent, { type: typeof type }>;
              if (fits(typed)) return typed;
            }
            return undefined;
          }, `an event ${type}`),
      };
    },
  };
}

/** Looks until there is something; the limit is for broken code, not for slow machines. */
export async function until<T>(look: () => T | undefined | Promise<T | undefined>, what = "a value"): Promise<T> {
  for (let i = 0; i < 1_000; i++) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`expected ${what} within 20 s, found none`);
}

/** What a promise was rejected with. */
export async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string; context: object }> {
  try {
    await promise;
  } catch (error) {
    return error as { code: string; message: string; context: object };
  }
  throw new Error("expected a rejection, found a result");
}
