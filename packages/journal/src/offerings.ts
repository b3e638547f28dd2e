import { throwIfAborted } from "@helsekontakt/core";
import type { Selectable } from "kysely";
import { fromJsonBytes, toJsonBytes } from "./cipher.ts";
import { plainText } from "./faults.ts";
import type { Cancellable, Parts } from "./parts.ts";
import type { OfferingBundleTable } from "./schema.ts";

/** What Helsenorge was sent last of an organisation's health offerings, and took. */
export interface SentOfferings {
  /** Organisation number. */
  readonly organisation: string;
  /** Whatever the sender needs to compare and to build the next sending, as JSON. */
  readonly content: unknown;
  /** Milliseconds since 1970 UTC. */
  readonly sentAt: number;
}

/** Memory of the offerings that were sent. */
export interface SentOfferingsStore {
  /** Keeps what was sent and taken, in place of what was there. @throws {HelsekontaktError} `input/invalid`, `journal/*`, `abort/cancelled` */
  put(organisation: string, content: unknown, options?: Cancellable): Promise<void>;
  /** @throws {HelsekontaktError} `journal/*`, `abort/cancelled` */
  get(organisation: string, options?: Cancellable): Promise<SentOfferings | undefined>;
  /** Of every organisation, by its number. @throws {HelsekontaktError} `journal/*`, `abort/cancelled` */
  all(options?: Cancellable): Promise<SentOfferings[]>;
  /** Forgets it, so that everything counts as new. @throws {HelsekontaktError} `journal/*`, `abort/cancelled` */
  remove(organisation: string, options?: Cancellable): Promise<boolean>;
}

/** @internal */
export function offeringPlace(organisation: string): string {
  return `offering_bundle:content:${organisation}`;
}

/** @internal */
export function createSentOfferings({ store, cipher, now }: Parts): SentOfferingsStore {
  function fromRow(row: Selectable<OfferingBundleTable>): SentOfferings {
    const place = offeringPlace(row.organisation);
    return {
      organisation: row.organisation,
      content: fromJsonBytes(cipher.open(row.key_id, row.content, place), place),
      sentAt: row.sent_at,
    };
  }

  return {
    async put(organisation, content, { signal } = {}) {
      plainText("organisation", organisation);
      const row = {
        content: cipher.seal(toJsonBytes(content), offeringPlace(organisation)),
        key_id: cipher.keyId,
        sent_at: await now(),
      };
      await store.write(
        (db) =>
          db
            .insertInto("offering_bundle")
            .values({ organisation, ...row })
            .onConflict((c) => c.column("organisation").doUpdateSet(row))
            .execute(),
        signal,
      );
    },
    async get(organisation, { signal } = {}) {
      const row = await store.read(
        (db) =>
          db.selectFrom("offering_bundle").selectAll().where("organisation", "=", organisation).executeTakeFirst(),
        signal,
      );
      return row === undefined ? undefined : fromRow(row);
    },
    async all({ signal } = {}) {
      throwIfAborted(signal);
      const rows = await store.read(
        (db) => db.selectFrom("offering_bundle").selectAll().orderBy("organisation").execute(),
        signal,
      );
      return rows.map(fromRow);
    },
    async remove(organisation, { signal } = {}) {
      const gone = await store.write(
        (db) =>
          db.deleteFrom("offering_bundle").where("organisation", "=", organisation).returning("organisation").execute(),
        signal,
      );
      return gone.length > 0;
    },
  };
}
