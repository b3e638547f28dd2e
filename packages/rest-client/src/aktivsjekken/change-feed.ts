import { throwIfAborted } from "@helsekontakt/core";
import type { paths } from "@helsekontakt/types/openapi/aktivsjekken";
import {
  type CallOptions,
  createPathClient,
  createTransport,
  invalidAnswer,
  type RestClientOptions,
  readAnswer,
} from "../call.ts";
import { operations } from "../gen/aktivsjekken.ts";
import { isRecord } from "../http-error.ts";
import { checkLimits } from "../limits.ts";

const operation = operations.statusChanges;

/** Where a cache learns whose status may have changed: Helsenorge's feed, a queue of notices, an own list. */
export interface StatusChangeFeed {
  /** Numbers of those whose status may have changed since the moment; others may be among them. */
  changedSince(moment: Date, options?: CallOptions): AsyncIterable<string> | Iterable<string>;
}

/**
 * Helsenorge's feed DigitalAktivStatusEndringer. It is being phased out, and upstream names no successor whose
 * description is public; its path and the form of its answer are inferred. Lists of numbers and of objects that hold
 * one are read.
 *
 * Its calls throw `rest/*`, `auth/*` and `abort/cancelled`.
 *
 * @throws {HelsekontaktError} `config/invalid`
 * @see DigitalAktivStatusEndringer
 */
export function createStatusChangeFeed(options: RestClientOptions): StatusChangeFeed {
  const client = createPathClient<paths>(options);
  const fetch = createTransport(options, operation);
  return {
    async *changedSince(moment, { signal } = {}) {
      throwIfAborted(signal);
      const query = { offset: offsetOf(moment) };
      checkLimits(query, operation.parameterLimits);
      const data: unknown = await readAnswer(operation, async () => {
        const answer = await client.GET(operation.path, {
          params: { query },
          headers: { accept: operation.responseMediaTypes["200"].join(", ") },
          fetch,
          ...(signal === undefined ? {} : { signal }),
        });
        return answer.data;
      });
      const list = Array.isArray(data) ? data : isRecord(data) ? Object.values(data).find(Array.isArray) : undefined;
      if (list === undefined) throw invalidAnswer(operation, "a list", "none");
      for (const [index, item] of list.entries()) {
        const fnr = isRecord(item) ? Object.values(item).find(isNumber) : item;
        if (!isNumber(fnr)) throw invalidAnswer(operation, `a number of 11 digits at index ${index}`, "none");
        yield fnr;
      }
    },
  };
}

function isNumber(value: unknown): value is string {
  return typeof value === "string" && /^\d{11}$/.test(value);
}

/** As the feed's description has it, with five digits of a second. */
function offsetOf(moment: Date): string {
  return moment.toISOString().replace(/\.(\d{3})Z$/, ".$100Z");
}
