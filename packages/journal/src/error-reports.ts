import { createHash } from "node:crypto";
import type { Cancellable, Parts } from "./parts.ts";

/**
 * Which messages were reported to their senders. A message that comes again, because its process died between report and
 * settlement, is settled without a second report.
 */
export interface ErrorReports {
  /** @throws {HelsekontaktError} `journal/unavailable`, `journal/closed`, `abort/cancelled` */
  has(key: string, options?: Cancellable): Promise<boolean>;
  /** Durable when this resolves. @throws {HelsekontaktError} `journal/unavailable`, `journal/closed`, `abort/cancelled` */
  add(key: string, options?: Cancellable): Promise<void>;
}

/** Ids from outside may be any text: only their hash is stored. */
const hashOf = (key: string): string => createHash("sha256").update(key).digest("hex");

/** @internal */
export function createErrorReports({ store, now }: Parts): ErrorReports {
  return {
    async has(key, { signal } = {}) {
      const found = await store.read(
        (db) => db.selectFrom("error_report").select("key_hash").where("key_hash", "=", hashOf(key)).executeTakeFirst(),
        signal,
      );
      return found !== undefined;
    },
    async add(key, { signal } = {}) {
      const reported_at = await now();
      await store.write(
        (db) =>
          db
            .insertInto("error_report")
            .values({ key_hash: hashOf(key), reported_at })
            .onConflict((c) => c.column("key_hash").doNothing())
            .execute(),
        signal,
      );
    },
  };
}
