import { type Clock, type Logger, silentLogger } from "@helsekontakt/core";
import { Cipher, type JournalKeys } from "./cipher.ts";
import { wholeNumber } from "./faults.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import { createMembers, type Members } from "./members.ts";
import { createMemberLedger } from "./members-ledger.ts";
import type { MemberLedger } from "./members-ledger-types.ts";
import { Notifier } from "./notifier.ts";
import { createSentOfferings, type SentOfferingsStore } from "./offerings.ts";
import { createOutbox } from "./outbox.ts";
import type { Outbox } from "./outbox-api.ts";
import type { Cancellable, Parts } from "./parts.ts";
import { createReceipts, type Receipts } from "./receipts.ts";
import type { Engine, Store } from "./store.ts";
import { createThreads, type Threads } from "./threads.ts";
import { type Pruned, prune, type Retention, rotateKeys } from "./upkeep.ts";

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
  readonly receipts: Receipts;
  readonly threads: Threads;
  readonly members: Members;
  /** What the member register wants, has acknowledged and has under way. */
  readonly ledger: MemberLedger;
  readonly offerings: SentOfferingsStore;
  /** Deletes by age. @throws {HelsekontaktError} `input/invalid`, `journal/unavailable`, `abort/cancelled` */
  prune(retention: Retention): Promise<Pruned>;
  /** Encrypts older rows with the present key; returns how many. @throws {HelsekontaktError} `journal/key-unknown` */
  rotateKeys(options?: Cancellable): Promise<number>;
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
  const notifier = new Notifier();
  const parts: Parts = {
    store,
    cipher,
    logger: options.logger ?? silentLogger,
    notifier,
    maxPayloadBytes,
    now: clock === undefined ? () => store.now() : async () => clock.now(),
  };
  return {
    engine: store.engine,
    outbox: createOutbox(parts, { maxSendTries, maxTakeovers: maxTries }),
    inbox: createInbox(parts, maxTries),
    receipts: createReceipts(parts),
    threads: createThreads(parts),
    members: createMembers(parts),
    ledger: createMemberLedger(parts),
    offerings: createSentOfferings(parts),
    prune: (retention) => prune(parts, retention),
    rotateKeys: (rotate = {}) => rotateKeys(parts, rotate),
    async close() {
      await store.close();
      notifier.publishAll();
    },
  };
}
