import { HelsekontaktError } from "@helsekontakt/core";

/** Wraps a database's error; its text may quote values, so only the engine's own code goes along. @internal */
export function storeFault(reason: unknown, doing: string): HelsekontaktError {
  if (reason instanceof HelsekontaktError) return reason as HelsekontaktError;
  const fault = reason as { code?: unknown; errcode?: unknown } | null;
  const code = typeof fault?.code === "string" ? fault.code : undefined;
  const number = typeof fault?.errcode === "number" ? `SQLITE_${fault.errcode}` : undefined;
  const remoteCode = [number, code].find((c) => c !== undefined && /^[\w-]{1,40}$/.test(c));
  return new HelsekontaktError("journal/unavailable", `expected the store to ${doing}, it failed`, {
    original: reason,
    ...(remoteCode === undefined ? {} : { remoteCode }),
  });
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
