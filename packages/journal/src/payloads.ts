import { randomUUID } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import { type Insertable, sql } from "kysely";
import { corrupt } from "./cipher.ts";
import { once } from "./compiled.ts";
import type { Cancellable, Parts } from "./parts.ts";
import { inlineBytes, type PayloadRow, type PayloadValues, payloadColumns, payloadPlace } from "./payload-columns.ts";
import type { PayloadLooseTable } from "./schema.ts";
import type { Box } from "./set-aside.ts";
import type { Db } from "./store.ts";
import { turn } from "./turn.ts";

// Large payloads of the embedded engine, see payload-columns.ts.

/** Of a large payload what is sealed, written and brought to the disk in one go. */
export const partBytes = 512 * 1024;
/** Parts that no row names, and that none came after for so long, belong to a process that has ended. */
const abandonedAfterMs = 600_000;

/** A payload that is stored in parts. */
export interface LargePayload {
  readonly box: Box;
  readonly rowId: string;
  readonly bytes: Uint8Array;
  /** Of this writing; a second writing of the same payload has another. */
  ref: string;
  /** Its parts are committed and wait for their row. */
  ahead: boolean;
  /** Its row was there before: the parts are not needed. */
  unused: boolean;
}

/** Bound to the row, the writing, its place among the parts and the length of the whole: none can be moved or left out. */
function partPlace(box: Box, id: string, ref: string, part: number, bytes: number): string {
  return `${payloadPlace(box, id)}:${ref}:${part}:${bytes}`;
}

/** Whether a payload goes into parts. @internal */
export function inParts({ store }: Parts, bytes: Uint8Array): boolean {
  return store.engine === "sqlite" && bytes instanceof Uint8Array && bytes.length > inlineBytes;
}

/** Undefined for what is stored in the row. @internal */
export function largePayload(parts: Parts, box: Box, rowId: string, bytes: Uint8Array): LargePayload | undefined {
  if (!inParts(parts, bytes)) return undefined;
  return { box, rowId, bytes, ref: randomUUID(), ahead: false, unused: false };
}

/** Columns of a new or changed row, always the same ones for an engine. @internal */
export function payloadValues(
  { store, cipher }: Parts,
  box: Box,
  id: string,
  bytes: Uint8Array,
  large: LargePayload | undefined,
): PayloadValues {
  if (large !== undefined) return { payload_inline: null, payload_ref: large.ref, payload_bytes: bytes.length };
  const sealed = cipher.seal(bytes, payloadPlace(box, id));
  return store.engine === "sqlite"
    ? { payload_inline: sealed, payload_ref: null, payload_bytes: null }
    : { payload: sealed };
}

const insertLoose = once<Insertable<PayloadLooseTable>, never>((db, row) => db.insertInto("payload_loose").values(row));
const insertPart = once<{ ref: string; part: number; content: Uint8Array }, never>((db, row) =>
  db.insertInto("payload_part").values(row),
);
const takeLoose = once((db, v: { readonly ref: string }) =>
  db.updateTable("payload_loose").set({ doomed: 1 }).where("ref", "=", v.ref).where("doomed", "=", 0).returning("ref"),
);
const keepLoose = once((db, v: { readonly ref: string; readonly now: number }) =>
  db
    .updateTable("payload_loose")
    .set({ touched_at: v.now })
    .where("ref", "=", v.ref)
    .where("doomed", "=", 0)
    .returning("ref"),
);
const deleteLoose = once((db, v: { readonly ref: string }) => db.deleteFrom("payload_loose").where("ref", "=", v.ref));
const selectPart = once((db, v: { readonly ref: string; readonly part: number }) =>
  db.selectFrom("payload_part").select("content").where("ref", "=", v.ref).where("part", "=", v.part),
);

/** What is written ahead was taken for abandoned, by a process that came upon it. */
class PartsGone extends HelsekontaktError {
  constructor() {
    super("journal/unavailable", "expected the parts of a payload until its row is stored, found them removed", {
      retryable: true,
    });
  }
}

const onePart = { bytes: partBytes, settles: true };
/** What is removed in one transaction. */
const removedAtOnce = 2;

const countParts = ({ bytes }: LargePayload): number => Math.ceil(bytes.length / partBytes);

function sealPart({ cipher }: Parts, { box, rowId, ref, bytes }: LargePayload, part: number): Uint8Array {
  const start = part * partBytes;
  return cipher.seal(bytes.subarray(start, start + partBytes), partPlace(box, rowId, ref, part, bytes.length));
}

/** Stores the parts, each in a commit of its own; nobody sees them before {@link beforeRow}. */
async function writeAhead(parts: Parts, large: LargePayload, { signal }: Cancellable): Promise<void> {
  // A single part goes with its row.
  if (countParts(large) === 1) return;
  const { box, rowId, ref } = large;
  for (let part = 0; part < countParts(large); part++) {
    const content = sealPart(parts, large, part);
    const now = await parts.now();
    await parts.store.write(
      async (db) => {
        if (part === 0) await insertLoose(parts, db, { ref, box, row_id: rowId, touched_at: now, doomed: 0 });
        // Nothing would know of a part that comes after the others were removed.
        else if ((await keepLoose(parts, db, { ref, now })).length === 0) throw new PartsGone();
        await insertPart(parts, db, { ref, part, content });
      },
      signal,
      onePart,
    );
    large.ahead = true;
  }
}

/**
 * In the transaction of a row, before the row itself: from here on the parts are its own, or go. Fails before anything names
 * them, so that a caller's transaction that goes on after a fault has no row without its parts.
 *
 * @internal
 */
export async function beforeRow(parts: Parts, db: Db, large: LargePayload): Promise<void> {
  const { box, rowId, ref } = large;
  if (large.ahead) {
    if ((await takeLoose(parts, db, { ref })).length === 0) throw new PartsGone();
    return;
  }
  await insertLoose(parts, db, { ref, box, row_id: rowId, touched_at: 0, doomed: 1 });
  for (let part = 0; part < countParts(large); part++) {
    if (part > 0) await turn();
    await insertPart(parts, db, { ref, part, content: sealPart(parts, large, part) });
  }
}

/** In the same transaction, after the row. @internal */
export async function afterRow(parts: Parts, db: Db, large: LargePayload): Promise<void> {
  await deleteLoose(parts, db, { ref: large.ref });
}

/**
 * Writes the parts of large payloads ahead of `commit`, which stores their rows; what is not needed in the end is removed. In
 * a caller's transaction they are written with the rows, in turns of the event loop but in one commit.
 *
 * @internal
 */
export async function withParts<T>(
  parts: Parts,
  payloads: readonly (LargePayload | undefined)[],
  options: Cancellable & { readonly transaction?: unknown },
  commit: () => Promise<T>,
): Promise<T> {
  const larges = payloads.filter((large) => large !== undefined);
  if (larges.length === 0 || options.transaction !== undefined) return commit();
  for (let tries = 1; ; tries++)
    try {
      for (const large of larges) await writeAhead(parts, large, options);
      const result = await commit();
      if (larges.some(({ unused }) => unused)) await removeQuietly(parts);
      return result;
    } catch (reason) {
      await giveUp(parts, larges);
      if (!(reason instanceof PartsGone) || tries === 3) throw reason;
    }
}

/** What a failed writing leaves is removed at once where that can be, and else when the journal is opened or pruned. */
async function giveUp(parts: Parts, larges: readonly LargePayload[]): Promise<void> {
  const begun = larges.filter(({ ahead }) => ahead).map(({ ref }) => ref);
  for (const large of larges) Object.assign(large, { ahead: false, unused: false, ref: randomUUID() });
  if (begun.length === 0) return;
  try {
    await parts.store.write(async (db) => {
      await db.updateTable("payload_loose").set({ doomed: 1 }).where("ref", "in", begun).execute();
    });
    await removeLoose(parts);
  } catch {
    // The first fault is what is told.
  }
}

/** In the transaction that takes the payloads out of their rows, before it does: their parts go afterwards. @internal */
export async function loosen(parts: Parts, db: Db, box: Box, ids: readonly string[]): Promise<void> {
  if (parts.store.engine !== "sqlite" || ids.length === 0) return;
  await db
    .insertInto("payload_loose")
    .columns(["ref", "box", "row_id", "touched_at", "doomed"])
    .expression((e) =>
      e
        .selectFrom(box)
        .select([
          sql<string>`payload_ref`.as("ref"),
          sql<string>`${sql.lit(box)}`.as("box"),
          "id as row_id",
          sql<number>`0`.as("touched_at"),
          sql<number>`1`.as("doomed"),
        ])
        .where("id", "in", [...ids])
        .where("payload_ref", "is not", null),
    )
    .onConflict((c) => c.column("ref").doNothing())
    .execute();
}

/**
 * Removes the parts that no row names: of payloads that were taken out of their rows, and of processes that ended before
 * their row was stored. Each part in a transaction and a turn of its own, since what is deleted is overwritten.
 *
 * @internal
 */
export async function removeLoose(parts: Parts, { signal }: Cancellable = {}): Promise<void> {
  const { store } = parts;
  if (store.engine !== "sqlite") return;
  const before = (await parts.now()) - abandonedAfterMs;
  const next = (db: Db) =>
    db
      .selectFrom("payload_loose")
      .selectAll()
      .where((e) => e.or([e("doomed", "=", 1), e("touched_at", "<", before)]))
      .limit(1)
      .executeTakeFirst();
  while ((await store.read(next, signal)) !== undefined)
    await store.write(
      async (db) => {
        const loose = await next(db);
        if (loose === undefined) return;
        const { ref, box, row_id } = loose;
        if (loose.doomed === 0) await takeLoose(parts, db, { ref });
        // A caller's transaction may have gone on after a fault that came behind the row.
        const named = await db
          .selectFrom(box)
          .select("id")
          .where("id", "=", row_id)
          .where("payload_ref", "=", ref)
          .executeTakeFirst();
        if (named === undefined) {
          const { rows } = await sql`delete from payload_part
            where rowid in (select rowid from payload_part where ref = ${ref} limit ${removedAtOnce})
            returning part`.execute(db);
          if (rows.length > 0) return;
        }
        await deleteLoose(parts, db, { ref });
      },
      signal,
      { bytes: removedAtOnce * partBytes, settles: true },
    );
}

/** {@link removeLoose} where nothing depends on it: what is left goes the next time. @internal */
export async function removeQuietly(parts: Parts): Promise<void> {
  try {
    await removeLoose(parts);
  } catch (reason) {
    const code = reason instanceof HelsekontaktError ? reason.code : "unexpected";
    parts.logger.warn("parts of payloads that no row names could not be removed yet", { code });
  }
}

/** Undefined when a part is not there. @throws {HelsekontaktError} `journal/key-unknown`, `journal/corrupt` */
async function readParts(parts: Parts, box: Box, row: PayloadRow): Promise<Uint8Array | undefined> {
  const { store, cipher } = parts;
  const { id, payload_ref: ref, payload_bytes: bytes, key_id } = row;
  if (ref === null || bytes === null) return undefined;
  const whole = new Uint8Array(bytes);
  for (let part = 0, at = 0; at < bytes; part++) {
    const [stored] = await store.read((db) => selectPart(parts, db, { ref, part }), undefined, onePart);
    if (stored === undefined) return undefined;
    const place = partPlace(box, id, ref, part, bytes);
    const content = cipher.open(key_id, stored.content, place);
    if (content.length === 0 || at + content.length > bytes) throw corrupt(place);
    whole.set(content, at);
    at += content.length;
    await turn();
  }
  return whole;
}

/**
 * The payload of a row; undefined when retention took it.
 *
 * @throws {HelsekontaktError} `journal/key-unknown`, `journal/corrupt`, `journal/unavailable`, `journal/closed`
 * @internal
 */
export async function readPayload(parts: Parts, box: Box, row: PayloadRow): Promise<Uint8Array | undefined> {
  let known = row;
  while (known.payload_ref !== null) {
    const whole = await readParts(parts, box, known);
    if (whole !== undefined) return whole;
    // Rotated to other parts meanwhile, or emptied.
    const present = await parts.store.read((db) =>
      db
        .selectFrom(box)
        .select(["id", "key_id", ...payloadColumns(parts.store.engine)])
        .where("id", "=", row.id)
        .executeTakeFirst(),
    );
    if (present === undefined) return undefined;
    if (present.payload_ref === known.payload_ref) throw corrupt(payloadPlace(box, row.id));
    known = present;
  }
  if (known.payload === null) return undefined;
  return parts.cipher.open(known.key_id, known.payload, payloadPlace(box, known.id));
}

/** What is in the row, as {@link openEach} needs it; of a payload in parts nothing, see {@link readClaimed}. @internal */
export function inlinePayload({ cipher }: Parts, box: Box, row: PayloadRow): Uint8Array {
  const none = new Uint8Array(0);
  return row.payload_ref === null ? cipher.open(row.key_id, row.payload ?? none, payloadPlace(box, row.id)) : none;
}

/**
 * Adds to claims the payloads that are in parts, after the commit of the claims. One that is damaged is told by its claim.
 *
 * @throws {HelsekontaktError} `journal/unavailable`, `journal/closed`: what was claimed is free again after its lease
 * @internal
 */
export async function readClaimed<C extends { readonly id: string; readonly payload: Uint8Array }>(
  parts: Parts,
  box: Box,
  taken: readonly { readonly claim: C; readonly row: PayloadRow }[],
): Promise<{ readonly claims: C[]; readonly corrupt: C[] }> {
  const claims: C[] = [];
  const damaged: C[] = [];
  for (const { claim, row } of taken)
    try {
      const payload = row.payload_ref === null ? claim.payload : await readPayload(parts, box, row);
      if (payload === undefined) throw corrupt(payloadPlace(box, row.id));
      claims.push(payload === claim.payload ? claim : { ...claim, payload });
    } catch (reason) {
      if (!(reason instanceof HelsekontaktError) || reason.code !== "journal/corrupt") throw reason;
      damaged.push(claim);
    }
  return { claims, corrupt: damaged };
}
