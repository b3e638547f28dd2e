import { HelsekontaktError } from "@helsekontakt/core";

/**
 * @internal
 * @throws {HelsekontaktError} `input/invalid`
 */
export function limitOf(limit: number | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  if (Number.isSafeInteger(limit) && limit >= 0) return limit;
  throw new HelsekontaktError("input/invalid", "expected limit as a whole number, 0 or more");
}
