import { personal } from "@helsekontakt/amqp-messaging/messages";
import { type Clock, HelsekontaktError, type Personal, throwIfAborted } from "@helsekontakt/core";
import type { Journal, Member } from "@helsekontakt/journal";
import type { HelsekontakterClient, MemberOutcome } from "@helsekontakt/rest-client";
import type { OrganisationConfig } from "../config.ts";
import { createOfferings } from "../offerings/offerings.ts";
import type { Offering, Offerings, PublishOptions, PublishResult } from "../offerings/types.ts";
import type { PersonGuard } from "../person-guard.ts";
import { buildMembersBundle, checkMembersBundle } from "./members-bundle.ts";

/** One member. */
export interface Medlem {
  readonly fnr: Personal | string;
  /** `yyyy-mm-dd`. */
  readonly from: string;
  /** `yyyy-mm-dd`, the last day. */
  readonly to: string;
}

/** `not-active`: kept in the register, to be tried again. `unanswered`: the answer did not mention the member: resend. */
export type MedlemOutcome = "registered" | "not-active" | "rejected" | "unanswered";

/** How to register. */
export interface RegisterOptions {
  /** Members per call. No number is published; small batches stay below the service's 15 s. Default 100. */
  readonly batchSize?: number;
  /** When a member who is not active is tried again. Default 7 days. */
  readonly retryAfterMs?: number;
  readonly onProgress?: (progress: {
    readonly sent: number;
    readonly calls: number;
    readonly outcomes: Readonly<Record<MedlemOutcome, number>>;
  }) => void;
  readonly signal?: AbortSignal;
}

/** What became of each member. */
export interface RegisterResult {
  /** One per member, in the order given. */
  readonly members: readonly {
    readonly fnr: Personal;
    readonly outcome: MedlemOutcome;
    readonly codes: readonly string[];
  }[];
  readonly counts: Readonly<Record<MedlemOutcome, number>>;
  readonly calls: number;
}

/** Medlemstjenester: health offerings for all members of an organisation. Several facts are inferred; see the docs. */
export interface Medlemstjenester {
  /**
   * Publishes offerings; it comes before the members. The same as `offerings.publish`.
   *
   * @throws {ValidationError} `fhir/not-valid`
   * @throws {HelsekontaktError} `input/invalid`, `rest/*`, `auth/*`, `abort/cancelled`
   * @see Medlemstjenester, step 1
   */
  publish(offerings: readonly Offering[], options?: PublishOptions): Promise<PublishResult>;
  /** Offerings with what was sent before: differences, withdrawal. */
  readonly offerings: Offerings;
  /**
   * Registers members in batches of one size, all of them each time; `members.reconcile` of the SDK sends the differences
   * alone, adapts, resends and resumes. With a journal each member's status is kept, and one who is not active gets a date to
   * try again; see {@link due}.
   *
   * @throws {ValidationError} `fhir/not-valid`
   * @throws {HelsekontaktError} `input/invalid`, `rest/*`, `auth/*`, `journal/*`, `abort/cancelled`; what was answered
   *   before the fault is in the register
   * @see Medlemstjenester, step 2
   */
  register(members: Iterable<Medlem>, options?: RegisterOptions): Promise<RegisterResult>;
  /** Members whose date to try again has come. @throws {HelsekontaktError} `config/missing` without a journal */
  due(options?: { readonly limit?: number; readonly signal?: AbortSignal }): Promise<readonly Member[]>;
}

const sevenDays = 7 * 24 * 3_600_000;

/** Builds the flow on the generated client. */
export function createMedlemstjenester(
  client: HelsekontakterClient,
  journal: Journal | undefined,
  own: OrganisationConfig,
  clock: Clock,
  guard: PersonGuard,
): Medlemstjenester {
  const offerings = createOfferings(client, journal, own);
  return {
    offerings,
    publish: (list, options) => offerings.publish(list, options),

    async register(members, options = {}) {
      const { batchSize = 100, retryAfterMs = sevenDays, onProgress, signal } = options;
      if (!(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 1_000))
        throw new HelsekontaktError(
          "input/invalid",
          "expected batchSize to be a whole number from 1 to 1000, found another value",
        );
      const results: RegisterResult["members"][number][] = [];
      const counts = { registered: 0, "not-active": 0, rejected: 0, unanswered: 0 };
      let calls = 0;
      for (const batch of batches(members, batchSize)) {
        throwIfAborted(signal);
        for (const [i, { fnr }] of batch.entries()) guard(fnr, `members[${results.length + i}].fnr`);
        const bundle = buildMembersBundle(batch, own.organisationNumber, client.wire);
        checkMembersBundle(bundle);
        const memberships = batch.map((m) => ({
          person: personal(m.fnr),
          organisation: own.organisationNumber,
          start: m.from,
          end: m.to,
        }));
        await journal?.members.upsert(memberships, signal === undefined ? {} : { signal });
        const answer = await client.registerMembers(bundle, signal === undefined ? {} : { signal });
        calls++;
        for (const [i, { person, start, end }] of memberships.entries()) {
          const result = answer.members.find((m) => m.index === i);
          const outcome = outcomeOf(result);
          counts[outcome]++;
          results.push({ fnr: person, outcome, codes: result?.codes ?? [] });
          // What was answered is kept, also when the caller gives up meanwhile.
          await journal?.ledger.record(
            person,
            own.organisationNumber,
            { start, end },
            {
              outcome: ledgerOutcome[outcome],
              ...(result?.codes[0] === undefined ? {} : { code: result.codes[0] }),
              ...(outcome === "registered"
                ? {}
                : { nextRetryAt: clock.now() + (outcome === "unanswered" ? 0 : retryAfterMs) }),
            },
          );
        }
        onProgress?.({ sent: results.length, calls, outcomes: { ...counts } });
      }
      return { members: results, counts, calls };
    },

    async due({ limit, signal } = {}) {
      if (journal === undefined)
        throw new HelsekontaktError(
          "config/missing",
          "expected a journal to keep the register of members, found none",
          { context: { paths: ["journal"] } },
        );
      return journal.members.due({
        organisation: own.organisationNumber,
        ...(limit === undefined ? {} : { limit }),
        ...(signal === undefined ? {} : { signal }),
      });
    },
  };
}

function outcomeOf(result: MemberOutcome | undefined): MedlemOutcome {
  if (result === undefined || result.status === "unknown") return "unanswered";
  if (result.status === "accepted") return "registered";
  return result.reason === "not-active" ? "not-active" : "rejected";
}

const ledgerOutcome = {
  registered: "accepted",
  "not-active": "not-active",
  rejected: "refused",
  unanswered: "unknown",
} as const;

function* batches<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
