import { setImmediate as nextTurn } from "node:timers/promises";
import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import type { components, paths } from "@helsekontakt/types/openapi/aktivsjekken";
import { CheckRun } from "./aktivsjekken/check-all.ts";
import { type AktivStatus, flagsIn, flagsInText, notMentioned, statuses, statusTable } from "./aktivsjekken/status.ts";
import type { CheckAllOptions, CheckedCitizen, CitizenSource, Omraade } from "./aktivsjekken/types.ts";
import {
  type CallOptions,
  createPathClient,
  createTransport,
  invalidAnswer,
  type RestClientOptions,
  readAnswer,
} from "./call.ts";
import { operations } from "./gen/aktivsjekken.ts";
import { checkLimits } from "./limits.ts";

export type { AktivStatus } from "./aktivsjekken/status.ts";

const operation = operations.checkActive;

/** The question: up to {@link maxNumbersPerCheck} numbers, and the area. */
export type AktivSjekkRequest = components["schemas"]["AktivSjekkRequest"];

/** Most numbers in one call, as the document says. */
export const maxNumbersPerCheck: number = operation.limits["/fnrListe"].maxItems;

/** Settings of {@link createAktivsjekkenClient}. */
export interface AktivsjekkenClientOptions extends RestClientOptions {
  /**
   * How the area is sent. `name` (default): as the API's Swagger has it. `code`: as the integer of Volven 7618, which
   * the written description and the older methods of the API have. `name-then-code`: as a name, and from the first call
   * that is refused for it (400, 422) and taken with the code, as the code.
   */
  readonly omraadeForm?: "name" | "code" | "name-then-code";
}

/** Citizens as they come out of a check: one by one, or by the batch. To be read once. */
export interface CheckedCitizens extends AsyncIterable<CheckedCitizen> {
  batches(): AsyncIterable<readonly CheckedCitizen[]>;
}

/** HelsenorgeAktivSjekken. */
export interface AktivsjekkenClient {
  /**
   * Asks which citizens are digitally active.
   *
   * @returns a status per number that was asked and answered. A number that is missing is unknown, which is not a no.
   * @throws {HelsekontaktError} `input/invalid`, `input/too-large`, `rest/*`, `auth/*`, `abort/cancelled`
   * @see HelsenorgeAktivSjekken v1
   */
  check(request: AktivSjekkRequest, options?: CallOptions): Promise<ReadonlyMap<string, AktivStatus>>;
  /**
   * Asks for any number of citizens, in calls of at most {@link maxNumbersPerCheck}, as many at once as the service is
   * seen to bear. Every entry of the source comes out: answered, invalid (and not sent) or failed. A number that comes
   * again is asked for once. The source is read as fast as the consumer takes.
   *
   * Iterating throws what the call threw that failed, after all that was answered has come out, with
   * `context.handedOver`.
   *
   * @throws {HelsekontaktError} `input/invalid` for options that cannot be
   */
  checkAll(source: CitizenSource, options?: CheckAllOptions): CheckedCitizens;
}

/** @throws {HelsekontaktError} `config/invalid` */
export function createAktivsjekkenClient(options: AktivsjekkenClientOptions): AktivsjekkenClient {
  const client = createPathClient<paths>(options);
  const fetches = {
    name: createTransport(options, operation),
    // The document knows the name only; the code is by configuration.
    code: createTransport(options, operation, "is-an-error", false),
  };
  let form = options.omraadeForm ?? "name";
  const ask = async (
    fnrListe: readonly string[],
    omraade: Omraade,
    signal: AbortSignal | undefined,
    answered?: () => void,
  ): Promise<readonly number[]> => {
    if (form !== "name-then-code") return askWith(form, fnrListe, omraade, signal, answered);
    try {
      return await askWith("name", fnrListe, omraade, signal, answered);
    } catch (reason) {
      const status = reason instanceof HelsekontaktError ? reason.context["httpStatus"] : undefined;
      if (status !== 400 && status !== 422) throw reason;
      let values: readonly number[];
      try {
        values = await askWith("code", fnrListe, omraade, signal, answered);
      } catch {
        // Refused in either form: then it is not the area's, and the first answer says why.
        throw reason;
      }
      form = "code";
      return values;
    }
  };
  const askWith = async (
    areaForm: "name" | "code",
    fnrListe: readonly string[],
    omraade: Omraade,
    signal: AbortSignal | undefined,
    answered?: () => void,
  ): Promise<readonly number[]> => {
    const area = areaForm === "code" ? await areaCode(omraade) : omraade;
    return readAnswer(operation, async () => {
      const answer = await client.POST(operation.path, {
        body: { fnrListe, omraade: area } as unknown as AktivSjekkRequest,
        headers: { accept: operation.responseMediaTypes["200"].join(", ") },
        parseAs: "text",
        fetch: fetches[areaForm],
        ...(signal === undefined ? {} : { signal }),
      });
      if (answered !== undefined) {
        answered();
        // The next call goes out before this answer is read: the service works while we do.
        await nextTurn();
      }
      const text: unknown = answer.data;
      if (typeof text !== "string" || text === "") throw invalidAnswer(operation, "JSON", "nothing");
      const found = flagsInText(text, fnrListe);
      if (found !== undefined) return found;
      const table = statusTable(JSON.parse(text));
      // Only what was asked: a number that nobody asked for is not ours to know.
      return fnrListe.map((fnr, n) => flagsIn(table, fnr, n));
    });
  };
  return {
    async check(request, { signal } = {}) {
      throwIfAborted(signal);
      checkLimits(request, operation.limits);
      const { fnrListe, omraade } = request;
      const values = await ask(fnrListe, omraade, signal);
      const found = new Map<string, AktivStatus>();
      for (const [index, fnr] of fnrListe.entries()) {
        const status = statuses[values[index] ?? notMentioned];
        if (status !== undefined) found.set(fnr, status);
      }
      return found;
    },
    checkAll(source, settings = {}) {
      if (settings.omraade !== undefined)
        checkLimits({ omraade: settings.omraade }, { "/omraade": operation.limits["/omraade"] });
      const batches = new CheckRun(ask, source, settings).batches();
      return {
        batches: () => batches,
        [Symbol.asyncIterator]: () => oneByOne(batches),
      };
    },
  };
}

/** By hand: a generator takes several turns of the queue for each of a million citizens. */
function oneByOne(batches: AsyncGenerator<readonly CheckedCitizen[]>): AsyncIterator<CheckedCitizen> {
  let batch: readonly CheckedCitizen[] = [];
  let at = 0;
  /** Calls of `next` that wait for a batch; more than one where a consumer asks ahead. */
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();
  const take = async (): Promise<IteratorResult<CheckedCitizen>> => {
    try {
      // No batch is empty.
      if (at >= batch.length) {
        const next = await batches.next();
        if (next.done === true) return { done: true, value: undefined };
        batch = next.value;
        at = 0;
      }
      return { done: false, value: batch[at++] as CheckedCitizen };
    } finally {
      waiting--;
    }
  };
  return {
    next() {
      if (waiting === 0 && at < batch.length)
        return Promise.resolve({ done: false, value: batch[at++] as CheckedCitizen });
      waiting++;
      const result = last.then(take);
      last = result.catch(() => {});
      return result;
    },
    return: async () => {
      batch = [];
      await batches.return(undefined);
      return { done: true, value: undefined };
    },
  };
}

/** Loaded where it is configured: the code lists weigh more than the rest of the client. */
async function areaCode(omraade: Omraade): Promise<number> {
  const { codeLists } = await import("@helsekontakt/types/codes");
  return Number(codeLists["7618"].codes.find(({ label }) => label === omraade)?.code);
}
