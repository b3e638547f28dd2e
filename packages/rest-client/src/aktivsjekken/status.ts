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

const opening = '{"erAktivListe":{';
const self = '":{"erDigitaltAktivSelv":';
const others = ',"erDigitaltAktivViaAndre":';
const assigned = ',"tildeltFullmakt":';

/**
 * The statuses of an answer that is written as today's document has it, without blanks, and names the numbers in the
 * order of the call: as {@link flagsIn} gives them. Most answers are, and then nothing has to be built of a thousand
 * objects for the sake of three bits each. Undefined for any other text, which a JSON parser must read.
 */
export function flagsInText(text: string, asked: readonly string[]): number[] | undefined {
  if (!text.startsWith(opening)) return undefined;
  let at = opening.length;
  const found: number[] = [];
  /** Reads `true` or `false` after a text; -1 for anything else. */
  const flag = (name: string): number => {
    if (!text.startsWith(name, at)) return -1;
    at += name.length;
    if (text.startsWith("true", at)) return ((at += 4), 1);
    if (text.startsWith("false", at)) return ((at += 5), 0);
    return -1;
  };
  for (let n = 0; n < asked.length; n++) {
    const fnr = asked[n] as string;
    if (n > 0 && text.charCodeAt(at++) !== comma) return undefined;
    if (text.charCodeAt(at++) !== quote || !text.startsWith(fnr, at)) return undefined;
    at += fnr.length;
    const bit0 = flag(self);
    const bit1 = flag(others);
    const bit2 = text.charCodeAt(at) === comma ? flag(assigned) : 0;
    if (bit0 < 0 || bit1 < 0 || bit2 < 0 || text.charCodeAt(at++) !== brace) return undefined;
    found.push(bit0 | (bit1 << 1) | (bit2 << 2));
  }
  return text.length === at + 2 && text.endsWith("}}") ? found : undefined;
}

const [comma, quote, brace] = [0x2c, 0x22, 0x7d];

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
