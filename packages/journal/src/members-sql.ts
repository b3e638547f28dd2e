import { type RawBuilder, sql } from "kysely";
import type { Engine } from "./store.ts";

/** Type of a column that travels as JSON; `bytes` as hexadecimal digits. */
type JsonColumn = "integer" | "real" | "text" | "bytes";

/** Milliseconds and periods fit; one JSON parameter carries thousands of rows with one and the same statement text. */
export function jsonRows<T>(
  engine: Engine,
  rows: readonly (readonly unknown[])[],
  columns: { readonly [Name in keyof T & string]: JsonColumn },
): RawBuilder<T> {
  const fields = Object.entries<JsonColumn>(columns).map(([name, type], place) => {
    const value = sql`value ->> ${sql.lit(place)}`;
    const typed =
      engine === "sqlite"
        ? type === "bytes"
          ? sql`unhex(${value})`
          : value
        : type === "bytes"
          ? sql`decode(${value}, 'hex')`
          : type === "text"
            ? value
            : sql`(${value})::${sql.raw(type === "integer" ? "bigint" : "double precision")}`;
    return sql`${typed} as ${sql.id(name)}`;
  });
  const source = engine === "sqlite" ? sql`json_each(${json(rows)})` : sql`jsonb_array_elements(${json(rows)}::jsonb)`;
  return sql<T>`(select ${sql.join(fields)} from ${source})`;
}

/** `column in (…)` for a list of any length, again with one text. */
export function inTexts(engine: Engine, column: string, values: readonly string[]): RawBuilder<boolean> {
  return engine === "sqlite"
    ? sql<boolean>`${sql.ref(column)} in (select value from json_each(${json(values)}))`
    : sql<boolean>`${sql.ref(column)} = any(${values}::text[])`;
}

export function inNumbers(engine: Engine, column: string, values: readonly number[]): RawBuilder<boolean> {
  return engine === "sqlite"
    ? sql<boolean>`${sql.ref(column)} in (select value from json_each(${json(values)}))`
    : sql<boolean>`${sql.ref(column)} = any(${values}::bigint[])`;
}

/** Characters of history that are kept of a membership, its newest events. */
const historyLength = 2_000;

/** The history with another line, its oldest lines cut off. A line that was cut is no JSON any more and is not read. */
export function withHistory(engine: Engine, line: RawBuilder<string>): RawBuilder<string> {
  const all = sql`coalesce(member.history, '') || ${line}`;
  return engine === "sqlite"
    ? sql<string>`substr(${all}, ${sql.lit(-historyLength)})`
    : sql<string>`right(${all}, ${sql.lit(historyLength)})`;
}

function json(value: unknown): string {
  return JSON.stringify(value);
}
