import type { components } from "@helsekontakt/types/openapi/aktivsjekken";
import { invalidAnswer } from "../call.ts";
import { olderNames, operations } from "../gen/aktivsjekken.ts";
import { isRecord } from "../http-error.ts";

const operation = operations.checkActive;

/** One citizen's status, under today's names whichever names the service used. */
export type AktivStatus = Readonly<Required<components["schemas"]["ErAktivStatus"]>>;

/** The statuses of an answer, by the number as it was sent. */
export type StatusTable = Readonly<Record<string, unknown>>;

/** @throws {HelsekontaktError} `rest/response-invalid` */
export function statusTable(data: unknown): StatusTable {
  const list = isRecord(data) ? data["erAktivListe"] : undefined;
  if (!isRecord(list)) throw invalidAnswer(operation, "an object with erAktivListe", "none");
  return list;
}

/** Value of {@link flagsIn} for a number that the answer does not mention. */
export const notMentioned = 8;

const flags = [false, true];
/** One object for each of the eight statuses, not one for each citizen, by their three flags as bits. */
export const statuses: readonly AktivStatus[] = flags.flatMap((tildeltFullmakt) =>
  flags.flatMap((erDigitaltAktivViaAndre) =>
    flags.map((erDigitaltAktivSelv) =>
      Object.freeze({ erDigitaltAktivSelv, erDigitaltAktivViaAndre, tildeltFullmakt }),
    ),
  ),
);

/** The place of a status in {@link statuses}. */
export function flagsOf({ erDigitaltAktivSelv, erDigitaltAktivViaAndre, tildeltFullmakt }: AktivStatus): number {
  return (erDigitaltAktivSelv ? 1 : 0) | (erDigitaltAktivViaAndre ? 2 : 0) | (tildeltFullmakt ? 4 : 0);
}

/**
 * The status of one number, as its place in {@link statuses}; {@link notMentioned} where the answer has none.
 *
 * @param fnr - 11 digits, which no object has by itself: the table need not be asked whether they are its own.
 * @param index - its place in the call, which an error names in place of the number.
 * @throws {HelsekontaktError} `rest/response-invalid`
 */
export function flagsIn(table: StatusTable, fnr: string, index: number): number {
  const value = table[fnr];
  if (value === undefined) return notMentioned;
  if (!isRecord(value)) throw invalidAnswer(operation, `an object for number ${index} of the call`, "something else");
  const self = readFlag(value, "erDigitaltAktivSelv");
  const others = readFlag(value, "erDigitaltAktivViaAndre");
  if (self === undefined || others === undefined)
    throw invalidAnswer(operation, `two flags for number ${index} of the call`, "fewer");
  // Older answers do not have the third.
  return (self ? 1 : 0) | (others ? 2 : 0) | (value["tildeltFullmakt"] === true ? 4 : 0);
}

function readFlag(
  value: Record<string, unknown>,
  name: keyof (typeof olderNames)["ErAktivStatus"],
): boolean | undefined {
  const flag = value[name];
  if (typeof flag === "boolean") return flag;
  for (const key of olderNames.ErAktivStatus[name]) {
    const older = value[key];
    if (typeof older === "boolean") return older;
  }
  return undefined;
}
