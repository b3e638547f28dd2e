import { HelsekontaktError } from "@helsekontakt/core";

/** A HER-id: digits as text, or a number. */
export type HerId = string | number;

/**
 * The number that the registries' paths take.
 *
 * @throws {HelsekontaktError} `input/invalid`
 */
export function herIdNumber(herId: HerId): number {
  const text = String(herId);
  if (!/^[1-9][0-9]{0,9}$/.test(text))
    throw new HelsekontaktError("input/invalid", "expected a HER-id of 1 to 10 digits, found something else");
  return Number(text);
}
