import type { Personal } from "@helsekontakt/core";
import type { Cancellable } from "./parts.ts";
import type { MemberBatchTable, MemberRunTable } from "./schema.ts";

/** What Helsenorge is to be told of a membership. */
export type MembershipChange = "add" | "change" | "withdraw";
/** What came of it; `unknown`: no answer, or one that does not tell. */
export type MembershipOutcome = "accepted" | "not-active" | "refused" | "unknown";

/** A member as a run's input has it; checked by the caller. */
export interface StagedMember {
  readonly person: Personal;
  readonly organisation: string;
  /** First and last day, `YYYY-MM-DD`. */
  readonly start: string;
  readonly end: string;
  /** The membership ends; its period is not looked at. */
  readonly withdrawn?: boolean;
  /** Counts as present, and nothing else: what the input says of it cannot be used. */
  readonly keep?: boolean;
}

/** What an input line meant. `duplicate` and `two-periods`: the membership stood in this run's input before. */
export type Staged = "added" | "changed" | "withdrawn" | "unchanged" | "duplicate" | "two-periods" | "kept";

/** A membership on its way. */
export interface BatchMember {
  readonly seq: number;
  readonly person: Personal;
  readonly organisation: string;
  readonly change: MembershipChange;
  /** The period to send. */
  readonly start: string;
  readonly end: string;
  readonly attempts: number;
}

/** A list of members, stored before it is sent. */
export interface MemberBatch {
  readonly id: number;
  readonly run: number;
  readonly members: readonly BatchMember[];
  readonly tries: number;
  readonly timeouts: number;
}

/** One member's result. */
export interface MemberSettlement {
  readonly outcome: MembershipOutcome;
  /** Of the service or of the sender, without personal data. */
  readonly code?: string;
  /** Milliseconds since 1970 UTC; absent for at once. */
  readonly nextRetryAt?: number;
}

/** A membership as the ledger has it. */
export interface LedgerEntry {
  readonly id: string;
  readonly organisation: string;
  readonly wanted: boolean;
  readonly start: string;
  readonly end: string;
  readonly acked?: { readonly member: boolean; readonly start: string; readonly end: string };
  readonly todo?: MembershipChange;
  readonly outcome?: MembershipOutcome;
  readonly code?: string;
  readonly attempts: number;
  readonly outcomeAt?: number;
  readonly nextRetryAt?: number;
}

/** Something that happened to a membership. */
export interface LedgerEvent {
  readonly at: number;
  readonly run?: number;
  readonly batch?: number;
  readonly change: MembershipChange | "check" | "apprec";
  readonly outcome: MembershipOutcome;
  readonly code?: string;
  readonly start?: string;
  readonly end?: string;
}

/** Members by result and code. */
export interface LedgerReason {
  readonly outcome: MembershipOutcome;
  readonly code: string;
  readonly members: number;
}

export interface LedgerStatus {
  readonly members: number;
  readonly withdrawn: number;
  readonly outcomes: Readonly<Record<MembershipOutcome | "new", number>>;
  readonly due: number;
  readonly later: number;
  readonly nextRetryAt?: number;
  readonly openBatches: number;
  readonly reasons: readonly LedgerReason[];
  readonly lastRun?: LedgerRun;
  readonly running: boolean;
}

export interface LedgerRun {
  readonly run: number;
  readonly kind: MemberRunTable["kind"];
  readonly state: MemberRunTable["state"];
  readonly startedAt: number;
  readonly finishedAt?: number;
}

export interface LedgerBatch {
  readonly batch: number;
  readonly members: number;
  readonly ms: number;
  readonly tries: number;
  readonly timeouts: number;
  readonly state: MemberBatchTable["state"];
}

/** One run on the register. Every write looks whether the lease is still this run's. */
export interface LedgerRunHandle {
  readonly run: number;
  /**
   * Compares members of the input with what is known and stores what is to be told; nothing of it counts before
   * {@link accept}.
   *
   * @throws {HelsekontaktError} `journal/conflict` when another process has taken over; `journal/*`, `abort/cancelled`
   */
  stage(members: readonly StagedMember[], options?: Cancellable): Promise<Staged[]>;
  /**
   * Memberships of the organisations that were wanted before this run, and those of them that no staged member named.
   * What a run staged that never counted was not wanted.
   */
  countAbsent(organisations: readonly string[], options?: Cancellable): Promise<{ absent: number; wanted: number }>;
  /** Withdraws those; returns how many of them have to be told. */
  withdrawAbsent(organisations: readonly string[], options?: Cancellable): Promise<number>;
  /** The input is whole and taken: what was staged counts from now on. */
  accept(): Promise<void>;
  /** Batches that an earlier run left open, oldest first, at most `limit`. */
  openBatches(after: number, limit: number, options?: Cancellable): Promise<readonly MemberBatch[]>;
  /** How many members wait to be sent now. */
  countDue(everything: boolean, options?: Cancellable): Promise<number>;
  /** Those who were refused wait again. */
  reviveRefused(): Promise<void>;
  /** The next members that wait, in an order that brings each of them once per run. */
  peek(options: Cancellable & { limit: number; everything: boolean }): Promise<readonly LedgerDue[]>;
  /** Stores a batch; it is to be sent afterwards. */
  open(members: readonly BatchMember[]): Promise<MemberBatch>;
  /** Members that need not be sent: their result is known without a call. */
  settleUnsent(
    members: readonly LedgerDue[],
    settlement: (member: LedgerDue) => MemberSettlement,
    change?: "check",
  ): Promise<void>;
  /**
   * Renews the lease, right before a call: a process that was paused must not send a list that another has taken over.
   *
   * @returns milliseconds for which the register is certainly this run's, from before this was called.
   * @throws {HelsekontaktError} `journal/conflict` when another process has taken over, or the batch is not open any more
   */
  hold(batch: number): Promise<number>;
  /**
   * A call went out that may have come after another process's: its members are to be told again, whoever holds the lease.
   */
  doubt(batch: MemberBatch): Promise<void>;
  /** A try without an answer. */
  note(batch: number, tried: { readonly timedOut: boolean; readonly ms: number }): Promise<void>;
  /** Stores the members' results, in the order of the batch, and closes it. */
  settle(
    batch: MemberBatch,
    settlements: readonly MemberSettlement[],
    options: { readonly ms: number; readonly setAside?: boolean },
  ): Promise<void>;
  /** Replaces a batch by its two halves. */
  split(batch: MemberBatch): Promise<readonly [MemberBatch, MemberBatch]>;
  /** The newest answered batches of any run, at most `limit`. */
  recent(limit: number, options?: Cancellable): Promise<readonly LedgerBatch[]>;
  /** Slowest batches of the run. */
  slowest(limit: number): Promise<readonly LedgerBatch[]>;
  /** Ends the run and gives the lease back. */
  end(state: "done" | "stopped" | "refused"): Promise<void>;
}

/** A membership that waits to be told. */
export interface LedgerDue extends BatchMember {
  readonly outcome?: MembershipOutcome;
  /** What Helsenorge has, as far as known. */
  readonly acked?: { readonly start: string; readonly end: string };
}

/** The memory of the member register: what is wanted, what is acknowledged, and what is on its way. */
export interface MemberLedger {
  /**
   * Begins a run: takes the lease and keeps it until the run ends. A lease whose process on this machine is gone is taken
   * over at once, another's when it has run out.
   *
   * @throws {HelsekontaktError} `journal/conflict` when another process is at it; `journal/*`, `abort/cancelled`
   */
  begin(
    options: Cancellable & {
      readonly kind: "reconcile" | "retry";
      readonly dryRun?: boolean;
      readonly leaseMs?: number;
    },
  ): Promise<LedgerRunHandle>;
  status(options?: Cancellable): Promise<LedgerStatus>;
  /** By the register's id or by person. */
  explain(
    who: { readonly id: string } | { readonly person: Personal },
    options?: Cancellable,
  ): Promise<readonly (LedgerEntry & { readonly events: readonly LedgerEvent[] })[]>;
  /** All, a page of at most 1,000 in memory. */
  entries(
    filter?: Cancellable & { readonly run?: number; readonly outcome?: MembershipOutcome },
  ): AsyncIterable<LedgerEntry>;
  /**
   * Something told outside a run that the person is not active: an AppRec. It is told again by the calendar.
   *
   * @param options.answeredAt - milliseconds since 1970 UTC; what is known from later on stays.
   * @returns the ids of the memberships that it changed.
   */
  markInactive(
    person: Personal,
    options: Cancellable & { readonly code: string; readonly answeredAt: number; readonly nextRetryAt: number },
  ): Promise<string[]>;
  /** A result of a call that no run made. */
  record(
    person: Personal,
    organisation: string,
    sent: { readonly start: string; readonly end: string },
    settlement: MemberSettlement,
    options?: Cancellable,
  ): Promise<void>;
}
