import { HelsekontaktError, Personal } from "@helsekontakt/core";
import { safeParsePersonNumber } from "@helsekontakt/validators/identifiers";
import type { MemberColumn, MemberFileIssue, MemberFileOptions, MemberFileProblem, MemberLine } from "./types.ts";

/** Names that a column may have in a header, or a key in NDJSON; compared without case, blanks, hyphens, underscores. */
export const memberColumnNames: Readonly<Record<MemberColumn, readonly string[]>> = {
  fnr: ["fnr", "fødselsnummer", "fodselsnummer", "personnummer", "personident", "nationalid", "nationalidentitynumber"],
  from: ["from", "fra", "fom", "start", "startdato", "startdate", "fradato", "fromdate", "periodstart"],
  to: ["to", "til", "tom", "end", "slutt", "sluttdato", "enddate", "tildato", "todate", "periodend"],
  organisation: [
    "organisation",
    "organization",
    "orgnr",
    "organisasjonsnummer",
    "organisationnumber",
    "organizationnumber",
  ],
};

/** The text of each column in one line. */
export type RawMember = { readonly [Column in MemberColumn]?: string };

const plain = (name: string): string =>
  name
    .normalize("NFC")
    .toLowerCase()
    .replace(/[\s_-]+/g, "");

/** Which column a header or key stands for. */
export function columnFinder(columns: MemberFileOptions["columns"] = {}): (name: string) => MemberColumn | undefined {
  const byName = new Map<string, MemberColumn>();
  for (const column of Object.keys(memberColumnNames) as MemberColumn[]) {
    const own = columns[column];
    for (const name of own === undefined ? memberColumnNames[column] : [own]) byName.set(plain(name), column);
  }
  return (name) => byName.get(plain(name));
}

/** Checks the lines one after the other; a line with an error gives nothing. */
export function memberReader(options: MemberFileOptions): (line: number, raw: RawMember) => MemberLine | undefined {
  const { dates = "iso", controlDigits = "warning", persons, onIssue, defaults = {} } = options;
  for (const [name, value] of Object.entries(defaults))
    if (value !== undefined && isoDate(value) === undefined)
      throw new HelsekontaktError(
        "input/invalid",
        `expected the default of "${name}" as yyyy-mm-dd, found another form`,
      );
  return (line, raw) => {
    let good = true;
    const issue = (level: MemberFileIssue["level"], problem: MemberFileProblem, message: string): void => {
      if (level === "error") good = false;
      onIssue?.({ line, level, problem, message });
    };
    const fnr = raw.fnr?.trim() ?? "";
    if (!/^\d{11}$/.test(fnr)) issue("error", "not-11-digits", `expected 11 digits, found ${described(fnr)}`);
    else {
      const number = safeParsePersonNumber(fnr);
      if (number === undefined || number.kind === "fhn")
        issue("error", "no-person-number", "expected a fødselsnummer or D-number, found 11 digits that are none");
      else if (persons === "synthetic" && number.synthetic === false)
        issue(
          "error",
          "real-person",
          "expected a synthetic number outside PROD, found one that may be a real person's",
        );
      else if (persons === "real" && number.synthetic !== false)
        issue("error", "synthetic-person", "expected a real person's number in PROD, found a synthetic one");
      else if (controlDigits !== "off" && number.checksum === "invalid")
        issue(controlDigits, "control-digits", "expected control digits that fit, found others");
    }
    const day = (name: "from" | "to"): string => {
      const text = raw[name]?.trim() ?? "";
      const given = text === "" ? (defaults[name] ?? "") : text;
      const date =
        (dates === "norwegian" && text !== "" ? undefined : isoDate(given)) ??
        (dates === "iso" ? undefined : norwegianDate(given));
      if (date === undefined)
        issue("error", "date", `expected "${name}" as ${dateForms[dates]}, found ${describedDate(given)}`);
      return date ?? "";
    };
    const from = day("from");
    const to = day("to");
    if (from !== "" && to !== "" && to < from)
      issue("error", "period", "expected an end on or after the start, found one before it");
    const organisation = raw.organisation?.replaceAll(/\s/g, "") ?? "";
    if (organisation !== "" && !/^\d{9}$/.test(organisation))
      issue("error", "organisation", "expected an organisation number of nine digits, found something else");
    if (!good) return undefined;
    return { line, fnr: new Personal(fnr), from, to, ...(organisation === "" ? {} : { organisation }) };
  };
}

const dateForms = { iso: "yyyy-mm-dd", norwegian: "dd.mm.yyyy", both: "yyyy-mm-dd or dd.mm.yyyy" } as const;

function described(text: string): string {
  if (text === "") return "nothing";
  if (/^\d+$/.test(text))
    return text.length === 10 ? "10 digits (a spreadsheet may have dropped a leading zero)" : `${text.length} digits`;
  return /^[\d\s.-]+$/.test(text) ? "digits with blanks or marks between them" : "other characters";
}

function describedDate(text: string): string {
  if (text === "") return "nothing";
  if (/^\d{1,2}\.\d{1,2}\.\d{4}$/.test(text)) return "the form dd.mm.yyyy, or a day that does not exist";
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? "a day that does not exist, or the form yyyy-mm-dd" : "another form";
}

/** Almost all lines of a file share a few days: each is judged once. */
const known = new Map<string, string | undefined>();

export function isoDate(text: string): string | undefined {
  if (known.has(text)) return known.get(text);
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  const date = parts === null ? undefined : realDay(Number(parts[1]), Number(parts[2]), Number(parts[3]));
  if (known.size > 5_000) known.clear();
  known.set(text, date);
  return date;
}

function norwegianDate(text: string): string | undefined {
  const parts = /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/.exec(text);
  return parts === null ? undefined : realDay(Number(parts[3]), Number(parts[2]), Number(parts[1]));
}

function realDay(year: number, month: number, day: number): string | undefined {
  const date = new Date(Date.UTC(year, month - 1, day));
  if (year < 1900 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return date.toISOString().slice(0, 10);
}
