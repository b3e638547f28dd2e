import { HelsekontaktError } from "@helsekontakt/core";

/**
 * What kind of number it is. `h-or-dolly` covers the two kinds that share one shape: the internal H-number and NAV's
 * synthetic numbers (month + 40).
 */
export type PersonNumberKind = "fnr" | "dnr" | "h-or-dolly" | "fhn";

/** What the digits of a person number say. */
export interface PersonNumber {
  readonly kind: PersonNumberKind;
  /**
   * Made for tests: month + 80 (Skatteetaten's Tenor, Test-Norge), month + 65 (NHN; inferred, no public page states it), or
   * month + 40 (NAV's Dolly; an H-number looks the same).
   */
  readonly synthetic: false | "tenor" | "nhn" | "dolly";
  /**
   * Whether the control digits fit. A reader must not reject a number for them: official samples have wrong ones, and
   * numbers issued from 2032 have a first control digit with remainder 0 to 3.
   */
  readonly checksum: "valid" | "valid-from-2032" | "invalid";
  /** `YYYY-MM-DD`; absent for a helper number, which has no date. */
  readonly birthDate?: string;
  /** By the third digit of the individual number; absent for a helper number, and where the rule from 2032 may apply. */
  readonly sex?: "female" | "male";
}

const weights1 = [3, 7, 6, 1, 8, 9, 4, 5, 2];
const weights2 = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2];

/**
 * Reads a fødselsnummer, D-number, synthetic number, H-number or felles hjelpenummer.
 *
 * Lenient: control digits are reported, not enforced. Use {@link isPersonNumber} for a strict answer.
 *
 * @param text - eleven digits.
 * @throws {HelsekontaktError} `input/invalid` when it is not eleven digits or holds no possible date. The message never
 *   repeats the number.
 * @see HIS 1001:2010 Identifikatorer for personer, section 4
 */
export function parsePersonNumber(text: string): PersonNumber {
  const parsed = safeParsePersonNumber(text);
  if (parsed === undefined) {
    throw new HelsekontaktError(
      "input/invalid",
      "expected a person number of 11 digits with a possible date, found other text",
    );
  }
  return parsed;
}

/** As {@link parsePersonNumber}; `undefined` for text that is no person number. */
export function safeParsePersonNumber(text: string): PersonNumber | undefined {
  if (!/^\d{11}$/.test(text)) return undefined;
  const checksum = checksumOf(text);
  if (text[0] === "8" || text[0] === "9") return { kind: "fhn", synthetic: false, checksum };
  let day = Number(text.slice(0, 2));
  let month = Number(text.slice(2, 4));
  const dnr = day > 40;
  if (dnr) day -= 40;
  let synthetic: PersonNumber["synthetic"] = false;
  if (month > 80) {
    month -= 80;
    synthetic = "tenor";
  } else if (month > 65) {
    month -= 65;
    synthetic = "nhn";
  } else if (month > 40) {
    month -= 40;
    synthetic = "dolly";
  }
  const year = yearOf(Number(text.slice(4, 6)), Number(text.slice(6, 9)));
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  const kind = dnr ? "dnr" : synthetic === "dolly" ? "h-or-dolly" : "fnr";
  const birthDate = `${year}-${pad(month)}-${pad(day)}`;
  if (checksum === "valid-from-2032") return { kind, synthetic, checksum, birthDate };
  return { kind, synthetic, checksum, birthDate, sex: Number(text[8]) % 2 === 0 ? "female" : "male" };
}

/**
 * Whether a text is a person number with right control digits, by the rule of today or that of 2032.
 *
 * Only fødselsnummer and D-number (with their synthetic forms) are taken on Helsenorge; see `kind`.
 */
export function isPersonNumber(text: string): boolean {
  const parsed = safeParsePersonNumber(text);
  return parsed !== undefined && parsed.checksum !== "invalid";
}

/** Age in whole years on a day, both as `YYYY-MM-DD`. */
export function ageOn(birthDate: string, day: string): number {
  const years = Number(day.slice(0, 4)) - Number(birthDate.slice(0, 4));
  return day.slice(5, 10) < birthDate.slice(5, 10) ? years - 1 : years;
}

function checksumOf(text: string): PersonNumber["checksum"] {
  if ((weighted(text, weights2) + digitAt(text, 10)) % 11 !== 0) return "invalid";
  const remainder = (weighted(text, weights1) + digitAt(text, 9)) % 11;
  return remainder === 0 ? "valid" : remainder <= 3 ? "valid-from-2032" : "invalid";
}

function weighted(text: string, weights: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += (weights[i] as number) * digitAt(text, i);
  return sum;
}

function digitAt(text: string, place: number): number {
  return text.charCodeAt(place) - 48;
}

function yearOf(twoDigits: number, individual: number): number {
  if (individual <= 499) return 1900 + twoDigits;
  if (individual <= 749 && twoDigits >= 54) return 1800 + twoDigits;
  if (individual >= 900 && twoDigits >= 40) return 1900 + twoDigits;
  return 2000 + twoDigits;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function pad(n: number): string {
  return String(n).padStart(2, "0");
}
