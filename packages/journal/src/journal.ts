import type { Clock, Logger } from "@helsekontakt/core";
import type { JournalKeys } from "./cipher.ts";
import type { ErrorReports } from "./error-reports.ts";
import type { Inbox } from "./inbox.ts";
import type { Members } from "./members.ts";
import type { MemberLedger } from "./members-ledger-types.ts";
import type { SentOfferingsStore } from "./offerings.ts";
import type { Outbox } from "./outbox-api.ts";
import type { Cancellable } from "./parts.ts";
import type { Receipts } from "./receipts.ts";
import type { SetAside } from "./set-aside.ts";
import type { Engine, JournalTransaction, Store } from "./store.ts";
import type { Threads } from "./threads.ts";
import type { Pruned, Retention, Rotation } from "./upkeep.ts";

export interface JournalOptions extends Cancellable {
  /** `sqliteStore({ file })`, or `postgresStore({ pool })` from `@helsekontakt/journal/postgres`. */
  readonly store: Store;
  /** Encrypts payloads, person numbers and receipts' texts at rest; without it they are stored in clear. */
  readonly key?: JournalKeys;
  /** Default: the system's. With PostgreSQL the database's clock rules, unless a clock is given here. */
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Largest payload in bytes; default 32 MiB. */
  readonly maxPayloadBytes?: number;
  /** How many times a handler gets an incoming message, or a sender that ends gets an outgoing one; default 10. */
  readonly maxTries?: number;
  /** How many times in a row the sending of a message may fail before it is set aside; default 1 000, some three days. */
  readonly maxSendTries?: number;
}

/** The durable state of one installation. */
export interface Journal {
  readonly engine: Engine;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  /** What failed for good or was quarantined, to be looked at, tried again or dropped. */
  readonly setAside: SetAside;
  readonly receipts: Receipts;
  readonly threads: Threads;
  readonly members: Members;
  /** What the member register wants, has acknowledged and has under way. */
  readonly ledger: MemberLedger;
  readonly offerings: SentOfferingsStore;
  /** Which messages were reported to their senders, so that none is reported twice. */
  readonly reports: ErrorReports;
  /** Deletes by age and size. @throws {HelsekontaktError} `input/invalid`, `journal/unavailable`, `abort/cancelled` */
  prune(retention: Retention): Promise<Pruned>;
  /**
   * Encrypts older rows with the present key; returns how many. May be stopped at any time and called again.
   *
   * @throws {HelsekontaktError} `journal/key-unknown` for a row under a key that was not given
   */
  rotateKeys(options?: Rotation): Promise<number>;
  /** How many rows {@link Journal.rotateKeys} has before it: at 0 the older keys are no longer needed. */
  countOldRows(options?: Cancellable): Promise<number>;
  /**
   * Runs `work` in one transaction, in which the application writes rows of its own beside what it gives to
   * `outbox.enqueue` or `inbox.handled`: all of it is durable when this resolves, or nothing is stored. On SQLite the rows
   * are in the journal's own file, and other writes wait: ask for nothing else inside.
   *
   * @throws what `work` throws, unchanged; `journal/unavailable`, `journal/full`, `journal/read-only`, `journal/closed`,
   *   `abort/cancelled`
   */
  transaction<T>(work: (transaction: JournalTransaction) => Promise<T>, options?: Cancellable): Promise<T>;
  /** True in the work of a {@link Journal.transaction} of this journal that is not over: whoever waits there holds it up. */
  isInTransaction(): boolean;
  /** Finishes what has begun and closes the store. Waits end with `journal/closed`. */
  close(): Promise<void>;
}

/**
 * Opens the journal and brings its tables up to date.
 *
 * @throws {HelsekontaktError} `journal/unavailable` when the store cannot be opened, `journal/too-new` after a downgrade,
 *   `config/invalid` for an unusable key
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  // Loaded when one is opened, with the query builder that its parts use.
  const { open } = await import("./open-journal.ts");
  return open(options);
}
