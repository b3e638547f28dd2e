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

/**
 * The status of one number; undefined where the answer does not mention it.
 *
 * @param index - its place in the call, which an error names in place of the number.
 * @throws {HelsekontaktError} `rest/response-invalid`
 */
export function statusIn(table: StatusTable, fnr: string, index: number): AktivStatus | undefined {
  if (!Object.hasOwn(table, fnr)) return undefined;
  const value = table[fnr];
  if (!isRecord(value)) throw invalidAnswer(operation, `an object for number ${index} of the call`, "something else");
  const self = readFlag(value, "erDigitaltAktivSelv");
  const others = readFlag(value, "erDigitaltAktivViaAndre");
  if (self === undefined || others === undefined)
    throw invalidAnswer(operation, `two flags for number ${index} of the call`, "fewer");
  return {
    erDigitaltAktivSelv: self,
    erDigitaltAktivViaAndre: others,
    // Older answers do not have it.
    tildeltFullmakt: value["tildeltFullmakt"] === true,
  };
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
