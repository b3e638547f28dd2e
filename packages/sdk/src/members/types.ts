import type { ErrorCode, Personal } from "@helsekontakt/core";
import type { CitizenReach } from "../flows/aktivsjekk-types.ts";

/** One member of the input. A line of `readMembers` is one. */
export interface MemberInput {
  /** Fødselsnummer or D-number. */
  readonly fnr: Personal | string;
  /** First and last day, `yyyy-mm-dd`. */
  readonly from: string;
  readonly to: string;
  /** Organisation number; default the configuration's own. */
  readonly organisation?: string;
  /** Where it stands in the input, for issues; default its place, from 1. */
  readonly line?: number;
  /** Only with `mode: "delta"`: the membership ends. */
  readonly withdrawn?: boolean;
}

/** Why a member of the input was left out, or is worth a look: stable codes, for counting. */
export type MemberInputProblem =
  | "not-11-digits"
  | "no-person-number"
  | "control-digits"
  | "real-person"
  | "synthetic-person"
  | "date"
  | "period"
  | "organisation"
  /** The same membership again, with the same period: counted once. */
  | "duplicate"
  /** The same membership again, with another period: the first one counts. */
  | "two-periods";

/** A finding about one member of the input. It never repeats what the input holds. */
export interface MemberInputIssue {
  readonly line: number;
  /** A member with an error is left out; one with a warning is taken. */
  readonly level: "error" | "warning";
  readonly problem: MemberInputProblem;
  /** "expected …, found …" */
  readonly message: string;
}

/** `not-active`: kept, and tried again by the calendar. `unknown`: no answer, or one that does not tell. */
export type MemberResult = "accepted" | "not-active" | "refused" | "unknown";

/** What is to be told to Helsenorge. */
export type MemberChange = "add" | "change" | "withdraw";

/** Sizes and limits of the calls. */
export interface BatchOptions {
  /** Members in the first call; default 25, or nearly what the last runs came to. */
  readonly start?: number;
  /** Never more than this; default 1,000. */
  readonly max?: number;
  /** Milliseconds that a call may take before it counts as unanswered; default 15,000, the service's own limit. */
  readonly timeoutMs?: number;
  /** Milliseconds that a call is sized for, at most; default two thirds of `timeoutMs`. Less where calls take unevenly long. */
  readonly targetMs?: number;
  /** Always this many members, without adapting; a call that times out twice is halved all the same. */
  readonly fixed?: number;
  /** Calls at a time; default 1. */
  readonly parallel?: number;
  /** Milliseconds: the longest first pause after a call that failed, doubled each time to 10 s; default 500. */
  readonly pauseMs?: number;
}

/** How members are sent. */
export interface SendMembersOptions {
  readonly batch?: BatchOptions;
  /** Days until a member who is not active is tried again, the last one again and again; default 1, 3, 7, 14, 30. */
  readonly retryDays?: readonly number[];
  /**
   * Asked before a member who was not active is sent again; one who still is not is not sent. Pass `aktivsjekk` of the SDK.
   */
  readonly aktivsjekk?: ActivityCheck;
  /** After this many calls without an answer in a row the run stops, its batches kept; default 10. */
  readonly maxFailures?: number;
  /** Told after each call. */
  readonly onProgress?: (progress: MemberProgress) => void;
  readonly signal?: AbortSignal;
}

/** How to reconcile. */
export interface ReconcileOptions extends SendMembersOptions {
  /** `full`: who is absent from the input is withdrawn. `delta`: only what is in it changes. Default `full`. */
  readonly mode?: "full" | "delta";
  /** Organisation numbers that the input is about; default the configuration's own. */
  readonly organisations?: readonly string[];
  /**
   * Counts what would be done: nothing is sent and nothing changed. Members that are new are kept under hashes in a
   * temporary file (some 50 MB for a million) until the run ends, to find them twice; memory does not grow with them.
   */
  readonly dryRun?: boolean;
  /** Share of the members, from 0 to 1, that a full input may withdraw by leaving them out; default 0.1. */
  readonly maxWithdrawals?: number;
  /** Consent to more than that, or to an empty input. */
  readonly allowWithdrawals?: boolean;
  /**
   * Number of lines that a reader has left out so far (asked at the end of the input). While there are any, or the
   * register itself had to leave some out, nobody is withdrawn for being absent, unless `withdrawDespiteErrors`.
   */
  readonly unreadable?: () => number;
  readonly withdrawDespiteErrors?: boolean;
  /** What a number with wrong control digits is; default `warning`. */
  readonly controlDigits?: "error" | "warning" | "off";
  /** Told of every finding, in the order of the input. */
  readonly onIssue?: (issue: MemberInputIssue) => void;
}

/** The part of AktivSjekken that the register needs. */
export interface ActivityCheck {
  check(
    citizens: readonly string[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<{ readonly citizens: readonly Pick<CitizenReach, "fnr" | "reach">[] }>;
}

/** How far a run has come. */
export interface MemberProgress {
  readonly phase: "resuming" | "reading" | "sending";
  /** Members of the input read so far. */
  readonly read: number;
  /** Members sent and answered so far, and those to be sent in all as far as known. */
  readonly sent: number;
  readonly toSend: number;
  readonly calls: number;
  readonly batchSize: number;
}

/** One call, or what came of a batch in several. */
export interface BatchFacts {
  readonly batch: number;
  readonly members: number;
  /** Milliseconds of the last try. */
  readonly ms: number;
  readonly tries: number;
  readonly timeouts: number;
  readonly result: "answered" | "split" | "set-aside" | "open";
}

/** A setting that upstream has not confirmed, as it was used. */
export interface MemberAssumption {
  readonly name: string;
  readonly value: string;
  readonly mark: "confirmed" | "inferred" | "configured";
  readonly reason?: string;
}

/** What a run did. Counts only; members are streamed by {@link MemberRegister.members}. */
export interface ReconcileReport {
  readonly run: number;
  readonly kind: "reconcile" | "retry";
  readonly mode: "full" | "delta";
  readonly dryRun: boolean;
  /** Milliseconds since 1970 UTC. */
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly input: {
    readonly read: number;
    readonly good: number;
    readonly errors: number;
    readonly warnings: number;
    readonly problems: Readonly<Partial<Record<MemberInputProblem, number>>>;
    /** Lines that the reader left out. */
    readonly unreadable: number;
    /** Milliseconds for reading the input and comparing it. */
    readonly ms: number;
  };
  readonly changes: {
    readonly added: number;
    readonly changed: number;
    readonly withdrawn: number;
    readonly unchanged: number;
    /** Absent from the input, but kept because some lines could not be used. */
    readonly withheld: number;
  };
  /** Left over from a run that ended early: batches, and members in them. */
  readonly resumed: { readonly batches: number; readonly members: number };
  /** Members whose date to try again had come; `stillInactive` of them were not sent because AktivSjekken says no. */
  readonly retried: { readonly members: number; readonly stillInactive: number };
  readonly results: Readonly<Record<MemberResult, number>>;
  /** By result and code, most frequent first. */
  readonly reasons: readonly { readonly result: MemberResult; readonly code: string; readonly members: number }[];
  readonly calls: {
    readonly calls: number;
    readonly members: number;
    readonly timeouts: number;
    readonly failures: number;
    readonly splits: number;
    readonly setAside: number;
    /** Milliseconds for sending, from the first call to the last answer. */
    readonly ms: number;
  };
  readonly batchSize: { readonly first: number; readonly last: number; readonly largest: number; readonly cap: number };
  /** At most 10, slowest first. */
  readonly slowest: readonly BatchFacts[];
  /** What the run relied on that upstream has not confirmed. */
  readonly assumptions: readonly MemberAssumption[];
  /** Why the run ended before everything was sent; absent when it did not. */
  readonly stopped?: { readonly code: ErrorCode; readonly message: string };
}

/** The register as it is. */
export interface RegisterStatus {
  readonly members: number;
  readonly withdrawn: number;
  /** Of all wanted memberships, by their last result; `new`: never sent. */
  readonly results: Readonly<Record<MemberResult | "new", number>>;
  /** Changes that wait: due now, and later by the calendar. */
  readonly due: number;
  readonly later: number;
  /** Milliseconds since 1970 UTC of the next date to try again. */
  readonly nextRetryAt?: number;
  readonly openBatches: number;
  readonly reasons: ReconcileReport["reasons"];
  /** The newest run. */
  readonly lastRun?: RunFacts;
  /** A process is at work on the register now. */
  readonly running: boolean;
}

/** A run as it is remembered. */
export interface RunFacts {
  readonly run: number;
  readonly kind: "reconcile" | "retry";
  /** `refused`: by the guard against short inputs. `stopped`: ended early. `reading`, `sending`: at work, or killed. */
  readonly state: "reading" | "sending" | "done" | "stopped" | "refused";
  readonly startedAt: number;
  readonly finishedAt?: number;
}

/** One thing that happened to a membership. */
export interface MemberEvent {
  /** Milliseconds since 1970 UTC. */
  readonly at: number;
  readonly run?: number;
  readonly batch?: number;
  readonly change: MemberChange | "check" | "apprec";
  readonly result: MemberResult;
  readonly code?: string;
  /** The period that was sent. */
  readonly from?: string;
  readonly to?: string;
}

/** A membership without its person. */
export interface MemberState {
  /** The register's own id. */
  readonly id: string;
  readonly organisation: string;
  /** What the input wants. */
  readonly desired: { readonly member: boolean; readonly from: string; readonly to: string };
  /** What Helsenorge has acknowledged; absent when nothing, or nothing for certain. */
  readonly acknowledged?: { readonly member: boolean; readonly from: string; readonly to: string };
  /** What is still to be told. */
  readonly pending?: MemberChange;
  readonly result?: MemberResult;
  readonly code?: string;
  readonly attempts: number;
  readonly resultAt?: number;
  readonly nextRetryAt?: number;
}

/** A membership with what happened to it, oldest first; the newest 25 or so are kept. */
export interface MemberExplanation extends MemberState {
  readonly events: readonly MemberEvent[];
}

/** The member register that reconciles itself. Needs a journal. */
export interface MemberRegister {
  /**
   * Compares the input with what Helsenorge has acknowledged and sends the difference. What an earlier run left open is
   * settled first. May be ended at any point, also by `kill -9`, and be run again with the same input.
   *
   * @throws {HelsekontaktError} `journal/conflict` when another process is at it; `input/invalid` for options, and when a
   *   full input would withdraw more than allowed (nothing is sent then); `journal/*`, `abort/cancelled`. A service that
   *   fails is told in the report's `stopped`, not thrown.
   * @see Medlemstjenester, step 2
   */
  reconcile(
    input: AsyncIterable<MemberInput> | Iterable<MemberInput>,
    options?: ReconcileOptions,
  ): Promise<ReconcileReport>;
  /**
   * Sends what waits, without an input: open batches and members whose date has come.
   *
   * @param options.everything - also those whose date has not come, and those who were refused.
   * @throws {HelsekontaktError} as {@link reconcile}
   */
  retry(options?: SendMembersOptions & { readonly everything?: boolean }): Promise<ReconcileReport>;
  /** @throws {HelsekontaktError} `journal/*`, `abort/cancelled` */
  status(options?: { readonly signal?: AbortSignal }): Promise<RegisterStatus>;
  /**
   * Everything known of a person's or an id's memberships; empty when there are none. The answer holds no number.
   *
   * @throws {HelsekontaktError} `journal/*`, `abort/cancelled`
   */
  explain(
    idOrFnr: Personal | string,
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly MemberExplanation[]>;
  /** Memberships one by one, a page at a time in memory. @throws {HelsekontaktError} `journal/*`, `abort/cancelled` */
  members(filter?: {
    /** Only those that this run got a result for. */
    readonly run?: number;
    readonly result?: MemberResult;
    readonly signal?: AbortSignal;
  }): AsyncIterable<MemberState>;
}
