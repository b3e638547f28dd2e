import { HelsekontaktError, Personal, throwIfAborted } from "@helsekontakt/core";
import type { AktivsjekkenClient } from "@helsekontakt/rest-client";
import type { PersonGuard } from "../person-guard.ts";

/** Area of the check: health care, or youth (13 and older, school health services). */
export type Omraade = "Helsehjelp" | "Ungdom";

/**
 * How a citizen can be reached. `self`: directly. `representative`: through a parent or by power of attorney. `none`:
 * not on Helsenorge. `unknown`: the service's answer does not mention the number, which is not a no.
 */
export type Reach = "self" | "representative" | "none" | "unknown";

/** One citizen's reach. */
export interface CitizenReach {
  readonly fnr: Personal;
  readonly reach: Reach;
  /** The citizen lacks capacity to consent: contact the representative only. */
  readonly tildeltFullmakt: boolean;
}

/** How far a check has come. */
export interface AktivsjekkProgress {
  readonly checked: number;
  readonly total: number;
  readonly calls: number;
}

/** How to check. */
export interface AktivsjekkOptions {
  /** Default `Helsehjelp`. */
  readonly omraade?: Omraade;
  /** Numbers per call, at most 1000. Default 1000. */
  readonly batchSize?: number;
  /** Called after each answer. */
  readonly onProgress?: (progress: AktivsjekkProgress) => void;
  readonly signal?: AbortSignal;
}

/** What a check found. */
export interface AktivsjekkResult {
  /** One entry per distinct number, in the order given. */
  readonly citizens: readonly CitizenReach[];
  readonly counts: Readonly<Record<Reach, number>>;
  readonly calls: number;
}

/** HelsenorgeAktivSjekken: who can be reached digitally. */
export interface Aktivsjekk {
  /**
   * Asks for any number of citizens, in calls of at most 1000.
   *
   * Duplicates are asked for once. Nothing is asked when any number is malformed: the place is named, never the number.
   *
   * @param citizens - national identity numbers or D-numbers, 11 digits each.
   * @throws {HelsekontaktError} `input/invalid`, `auth/*`, `rest/*`, `abort/cancelled`
   * @see HelsenorgeAktivSjekken v1
   */
  check(citizens: Iterable<Personal | string>, options?: AktivsjekkOptions): Promise<AktivsjekkResult>;
}

/** Builds the flow on the generated client. */
export function createAktivsjekk(client: AktivsjekkenClient, guard: PersonGuard): Aktivsjekk {
  return {
    async check(citizens, options = {}) {
      const { omraade = "Helsehjelp", batchSize = 1000, onProgress, signal } = options;
      if (!(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 1000))
        throw new HelsekontaktError(
          "input/invalid",
          "expected batchSize to be a whole number from 1 to 1000, found another value",
        );
      const numbers = distinctNumbers(citizens, guard);
      const found: CitizenReach[] = [];
      const counts = { self: 0, representative: 0, none: 0, unknown: 0 };
      let calls = 0;
      for (let start = 0; start < numbers.length; start += batchSize) {
        throwIfAborted(signal);
        const batch = numbers.slice(start, start + batchSize);
        const answer = await client.check({ fnrListe: batch, omraade }, signal === undefined ? {} : { signal });
        calls++;
        for (const fnr of batch) {
          const status = answer.get(fnr);
          const reach = reachOf(status);
          counts[reach]++;
          found.push({ fnr: new Personal(fnr), reach, tildeltFullmakt: status?.tildeltFullmakt === true });
        }
        onProgress?.({ checked: found.length, total: numbers.length, calls });
      }
      return { citizens: found, counts, calls };
    },
  };
}

function distinctNumbers(citizens: Iterable<Personal | string>, guard: PersonGuard): string[] {
  const numbers = new Set<string>();
  let index = 0;
  for (const citizen of citizens) {
    const fnr = typeof citizen === "string" ? citizen : citizen.reveal();
    if (!/^\d{11}$/.test(fnr)) {
      throw new HelsekontaktError(
        "input/invalid",
        `expected 11 digits in each number, found something else at index ${index}`,
        {
          hint: "national identity numbers and D-numbers only, without blanks",
        },
      );
    }
    guard(fnr, `citizens[${index}]`);
    numbers.add(fnr);
    index++;
  }
  if (numbers.size === 0) throw new HelsekontaktError("input/invalid", "expected at least one citizen, found none");
  return [...numbers];
}

/** The table of the reference, section 3. Its last column is our reading and not upstream's. */
function reachOf(
  status:
    | {
        readonly erDigitaltAktivSelv?: boolean;
        readonly erDigitaltAktivViaAndre?: boolean;
        readonly tildeltFullmakt?: boolean;
      }
    | undefined,
): Reach {
  if (status === undefined) return "unknown";
  const {
    erDigitaltAktivSelv: self = false,
    erDigitaltAktivViaAndre: others = false,
    tildeltFullmakt = false,
  } = status;
  if (tildeltFullmakt) return others ? "representative" : "none";
  return self ? "self" : others ? "representative" : "none";
}
