import { type AliasedRawBuilder, type RawBuilder, sql } from "kysely";
import type { Box } from "./set-aside.ts";
import type { Engine } from "./store.ts";

// Where a payload lies. SQLite writes a row anew, with all that it holds, at each change of its state: 20 MB held the event
// loop for a quarter of a second each time. There a large payload is in parts beside its row, each of which is sealed and
// committed in a turn of the event loop of its own before the row is; the commit of the row, which names them, makes them
// count. PostgreSQL keeps large values beside the row by itself (TOAST), writes none of them anew that did not change, and
// does so in a process of its own: there a payload stays in its column, and all of the below is for SQLite alone.

/** A larger payload is in parts: what goes with a row of its own is written anew at each change of state. */
export const inlineBytes = 64 * 1024;
/** What a row knows of its payload. @internal */
export interface PayloadRow {
  readonly id: string;
  readonly key_id: string | null;
  /** The sealed value when it is in the row. */
  readonly payload: Uint8Array | null;
  /** Names the parts. */
  readonly payload_ref: string | null;
  /** Bytes in all parts together, unsealed. */
  readonly payload_bytes: number | null;
}

/** @internal */
export function payloadPlace(box: Box, id: string): string {
  return `${box}:payload:${id}`;
}

/** @internal */
export interface PayloadValues {
  readonly payload?: Uint8Array | null;
  readonly payload_inline?: Uint8Array | null;
  readonly payload_ref?: string | null;
  readonly payload_bytes?: number | null;
}

/** Columns of a row whose payload goes. @internal */
export function noPayload(engine: Engine): PayloadValues {
  return engine === "sqlite" ? { payload_inline: null, payload_ref: null, payload_bytes: null } : { payload: null };
}

type PayloadColumns = [
  AliasedRawBuilder<Uint8Array | null, "payload">,
  AliasedRawBuilder<string | null, "payload_ref">,
  AliasedRawBuilder<number | null, "payload_bytes">,
];

/** What {@link PayloadRow} needs, to be selected or returned. @internal */
export function payloadColumns(engine: Engine): PayloadColumns {
  const embedded = engine === "sqlite";
  return [
    sql.ref<Uint8Array | null>(embedded ? "payload_inline" : "payload").as("payload"),
    (embedded ? sql.ref<string | null>("payload_ref") : sql<null>`null`).as("payload_ref"),
    (embedded ? sql.ref<number | null>("payload_bytes") : sql<null>`null`).as("payload_bytes"),
  ];
}

/** The condition that a row has its payload. @internal */
export function hasPayload(engine: Engine): RawBuilder<boolean> {
  return engine === "sqlite"
    ? sql<boolean>`(payload_inline is not null or payload_ref is not null)`
    : sql<boolean>`payload is not null`;
}

/** The condition that a row's payload is too large to be sealed anew within one step. @internal */
export function isLarge(engine: Engine): RawBuilder<boolean> {
  return engine === "sqlite"
    ? // Those of before version 7 are in their rows.
      sql<boolean>`(payload_ref is not null or coalesce(octet_length(payload_inline), 0) > ${sql.lit(2 * inlineBytes)})`
    : sql<boolean>`false`;
}

/** Bytes of a row's payload. @internal */
export function payloadLength(engine: Engine): RawBuilder<number | string | null> {
  return engine === "sqlite" ? sql`coalesce(payload_bytes, octet_length(payload_inline))` : sql`octet_length(payload)`;
}
