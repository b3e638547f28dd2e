import { type Clock, type Logger, silentLogger } from "@helsekontakt/core";
import { Cipher, type JournalKeys } from "./cipher.ts";
import { wholeNumber } from "./faults.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import { createMembers, type Members } from "./members.ts";
import { createMemberLedger } from "./members-ledger.ts";
import type { MemberLedger } from "./members-ledger-types.ts";
import { Notifier } from "./notifier.ts";
import { createErrorReports, type ErrorReports } from "./error-reports.ts";
import { createSentOfferings, type SentOfferingsStore } from "./offerings.ts";
import { createOutbox } from "./outbox.ts";
import type { Outbox } from "./outbox-api.ts";
import type { Cancellable, Parts } from "./parts.ts";
import { createReceipts, type Receipts } from "./receipts.ts";
import { createSetAside, type SetAside } from "./set-aside.ts";
import { type Engine, JournalTransaction, currentTransaction, type Store } from "./store.ts";
import { createThreads, type Threads } from "./threads.ts";
import { countOldRows, type Pruned, prune, type Retention, type Rotation, rotateKeys } from "./upkeep.ts";

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
  const cipher = new Cipher(options.key);
  const maxPayloadBytes = wholeNumber("maxPayloadBytes", options.maxPayloadBytes ?? 32 * 1024 * 1024, 1, 2 ** 30);
  const maxTries = wholeNumber("maxTries", options.maxTries ?? 10, 1, 1_000);
  const maxSendTries = wholeNumber("maxSendTries", options.maxSendTries ?? 1_000, 1, 1_000_000);
  const store = await options.store.open(options.signal ? { signal: options.signal } : {});
  const { clock } = options;
  const notifier = new Notifier((topics) => store.announce(topics));
  store.listen((topics) => notifier.heard(topics));
  const parts: Parts = {
    store,
    cipher,
    logger: options.logger ?? silentLogger,
    notifier,
    maxPayloadBytes,
    asideListeners: new Set(),
    now: clock === undefined ? () => store.now() : async () => clock.now(),
  };
  const outbox = createOutbox(parts, { maxSendTries, maxTakeovers: maxTries });
  const inbox = createInbox(parts, maxTries);
  return {
    engine: store.engine,
    outbox,
    inbox,
    setAside: createSetAside(parts, outbox, inbox),
    receipts: createReceipts(parts),
    threads: createThreads(parts),
    members: createMembers(parts),
    ledger: createMemberLedger(parts),
    offerings: createSentOfferings(parts),
    reports: createErrorReports(parts),
    prune: (retention) => prune(parts, retention),
    rotateKeys: (rotate = {}) => rotateKeys(parts, rotate),
    countOldRows: (options = {}) => countOldRows(parts, options),
    async transaction(work, { signal } = {}) {
      let topics: readonly string[] = [];
      let own: { readonly reason: unknown } | undefined;
      try {
        const result = await store.write(async (db) => {
          const transaction = new JournalTransaction(db);
          try {
            return await currentTransaction.run({ store, transaction }, () => work(transaction));
          } catch (reason) {
            own = { reason };
            throw reason;
          } finally {
            topics = transaction.finish();
          }
        }, signal);
        if (topics.length > 0) notifier.publish(...topics);
        return result;
      } catch (fault) {
        // The application's own error is none of the store's.
        throw own === undefined ? fault : own.reason;
      }
    },
    async close() {
      await store.close();
      notifier.heard();
    },
  };
}
