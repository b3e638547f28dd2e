import { HelsekontaktError } from "@helsekontakt/core";

interface FaultKind {
  readonly is: "journal/full" | "journal/read-only" | "journal/too-new" | "journal/unavailable";
  /** SQLite's extended result codes, PostgreSQL's SQLSTATE. */
  readonly codes: readonly string[];
  readonly found: string;
  readonly hint?: string;
}

const unavailable: FaultKind = { is: "journal/unavailable", codes: [], found: "it failed" };

/** A later version has renamed what it changed, see `Migration` in migrations.ts. */
const tooNew: FaultKind = {
  is: "journal/too-new",
  // undefined_table, undefined_column, invalid_schema_name.
  codes: ["42P01", "42703", "3F000"],
  found: "its tables are not those of this version",
  hint: "a later version of the SDK has changed the tables under this process: start that version instead; nothing was stored",
};

/**
 * What a caller may want to tell apart; all else is `journal/unavailable`.
 *
 * @see https://www.sqlite.org/rescode.html
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const kinds: readonly FaultKind[] = [
  {
    is: "journal/full",
    // SQLITE_FULL; disk_full.
    codes: ["SQLITE_13", "53100"],
    found: "it has no room",
    hint: "make room on the disk, raise maxBytes, or prune; what was not stored was not acknowledged",
  },
  {
    is: "journal/read-only",
    // SQLITE_READONLY and its kinds; read_only_sql_transaction, insufficient_privilege.
    codes: [
      "SQLITE_8",
      "SQLITE_264",
      "SQLITE_520",
      "SQLITE_776",
      "SQLITE_1032",
      "SQLITE_1288",
      "SQLITE_1544",
      "25006",
      "42501",
    ],
    found: "it may not be written",
    hint: "give this process the right to write the file and its folder, or connect to the primary server",
  },
];

/** Wraps a database's error; its text may quote values, so only the engine's own code goes along. @internal */
export function storeFault(
  reason: unknown,
  doing: string,
  statementOf: "journal" | "application" = "journal",
): HelsekontaktError {
  if (reason instanceof HelsekontaktError) return reason as HelsekontaktError;
  const fault = reason as { code?: unknown; errcode?: unknown } | null;
  const code = typeof fault?.code === "string" ? fault.code : undefined;
  const number = typeof fault?.errcode === "number" ? `SQLITE_${fault.errcode}` : undefined;
  const remoteCode = [number, code].find((c) => c !== undefined && /^[\w-]{1,40}$/.test(c));
  const kind = isGone(reason, remoteCode)
    ? // What the application's statement names is the application's.
      statementOf === "journal"
      ? tooNew
      : unavailable
    : (kinds.find(({ codes }) => codes.some((c) => remoteCode === c)) ?? unavailable);
  return new HelsekontaktError(kind.is, `expected the store to ${doing}, ${kind.found}`, {
    original: reason,
    ...(remoteCode === undefined ? {} : { remoteCode }),
    ...(kind.hint === undefined ? {} : { hint: kind.hint }),
  });
}

/** A table or column is missing. SQLite tells it by its text alone, under the code of any faulty statement. */
function isGone(reason: unknown, remoteCode: string | undefined): boolean {
  if (remoteCode === "SQLITE_1")
    return reason instanceof Error && /^(?:no such (?:table|column)|table \S+ has no column)/.test(reason.message);
  return tooNew.codes.some((c) => c === remoteCode);
}

/** @internal */
export function closedFault(): HelsekontaktError {
  return new HelsekontaktError("journal/closed", "expected an open journal, found a closed one");
}

/** A state change that the tables do not allow, or a claim that another process has taken over. @internal */
export function conflict(expected: string, found: string, id: string): HelsekontaktError {
  return new HelsekontaktError("journal/conflict", `expected ${expected}, found ${found}`, { context: { id } });
}

/** @internal */
export function notFound(what: string, id: string): HelsekontaktError {
  return new HelsekontaktError("journal/not-found", `expected ${what} of this id, found none`, { context: { id } });
}

const plain = /^[\w:./@+=-]{1,200}$/;

/**
 * Ids, party numbers, codes and reasons are stored and logged in clear; this keeps free text, and with it personal data,
 * out of them.
 *
 * @throws {HelsekontaktError} `input/invalid`
 * @internal
 */
export function plainText(name: string, value: string): string {
  if (typeof value === "string" && plain.test(value)) return value;
  throw new HelsekontaktError(
    "input/invalid",
    `expected ${name} of 1 to 200 letters, digits or :./@+=-_, found something else`,
    {
      context: { field: name },
    },
  );
}

/** {@link plainText} for what may be absent. @internal */
export function plainOrNull(name: string, value: string | undefined): string | null {
  return value === undefined ? null : plainText(name, value);
}

/** @throws {HelsekontaktError} `input/invalid` @internal */
export function wholeNumber(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new HelsekontaktError(
    "input/invalid",
    `expected ${name} to be a whole number from ${min} to ${max}, found another`,
    {
      context: { field: name },
    },
  );
}
