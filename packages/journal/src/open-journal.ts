import { silentLogger } from "@helsekontakt/core";
import { CompiledQuery } from "kysely";
import { Cipher } from "./cipher.ts";
import { createErrorReports } from "./error-reports.ts";
import { wholeNumber } from "./faults.ts";
import { createInbox } from "./inbox.ts";
import type { Journal, JournalOptions } from "./journal.ts";
import { createMembers } from "./members.ts";
import { createMemberLedger } from "./members-ledger.ts";
import { Notifier } from "./notifier.ts";
import { createSentOfferings } from "./offerings.ts";
import { createOutbox } from "./outbox.ts";
import type { Parts } from "./parts.ts";
import { removeQuietly } from "./payloads.ts";
import { createReceipts } from "./receipts.ts";
import { createSetAside } from "./set-aside.ts";
import { currentTransaction, JournalTransaction } from "./store.ts";
import { createThreads } from "./threads.ts";
import { countOldRows, prune, rotateKeys } from "./upkeep.ts";

/** Opens the journal, see `openJournal`. */
export async function open(options: JournalOptions): Promise<Journal> {
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
  await removeQuietly(parts);
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
          const transaction = new JournalTransaction(db, CompiledQuery.raw);
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
    isInTransaction() {
      const inside = currentTransaction.getStore();
      return inside?.store === store && !inside.transaction.isOver;
    },
    async close() {
      await store.close();
      notifier.heard();
    },
  };
}
