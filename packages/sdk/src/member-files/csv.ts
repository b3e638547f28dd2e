import { HelsekontaktError } from "@helsekontakt/core";
import { type Options, parse } from "csv-parse/sync";
import type { TextLine } from "./lines.ts";
import { columnFinder, memberColumnNames, type RawMember } from "./member-row.ts";
import type { MemberColumn, MemberFileIssue, MemberFileOptions } from "./types.ts";

/** Lines of CSV, turned into columns by csv-parse. */
export class CsvRows {
  readonly #options: MemberFileOptions;
  readonly #issue: (issue: MemberFileIssue) => void;
  #delimiter: string | undefined;
  #columns: readonly (MemberColumn | undefined)[] | undefined;
  /** A line with a quote that is still open, and those after it. */
  #open: TextLine[] = [];

  constructor(options: MemberFileOptions) {
    this.#options = options;
    this.#issue = options.onIssue ?? (() => {});
    this.#delimiter = options.delimiter;
    if (options.header === false) this.#columns = ["fnr", "from", "to", "organisation"];
  }

  /**
   * The rows of some lines, with the line on which each begins.
   *
   * @throws {HelsekontaktError} `input/invalid` when the header is not that of a member file
   */
  *rows(lines: readonly TextLine[]): Generator<readonly [line: number, raw: RawMember]> {
    let plain: TextLine[] = [];
    for (const line of lines) {
      if (line.tooLong) {
        yield* this.#parse(plain);
        plain = [];
        this.#fault(line.line, "too-long", "expected a line of at most 65536 characters, found a longer one");
      } else if (this.#open.length === 0 && line.text.trim() === "") continue;
      else if (this.#open.length > 0 || oddQuotes(line.text)) {
        yield* this.#parse(plain);
        plain = [];
        this.#open.push(line);
        if (this.#open.length > 1 ? oddQuotes(line.text) : false) yield* this.#closed();
        else if (this.#open.length > maxOpenLines) yield* this.#given();
      } else if (plain.push(line) === maxBlock) {
        yield* this.#parse(plain);
        plain = [];
      }
    }
    yield* this.#parse(plain);
  }

  /** Rows that were waiting for a quote to be closed. */
  *end(): Generator<readonly [line: number, raw: RawMember]> {
    while (this.#open.length > 0) yield* this.#given();
    if (this.#columns === undefined) throw wrongHeader([], this.#options, this.#delimiter);
  }

  /** A field with line ends in it, if the lines make one row as long as the others. */
  *#closed(): Generator<readonly [number, RawMember]> {
    const [first] = this.#open;
    const text = this.#open.map((l) => l.text).join("\n");
    const rows = this.#split(text, first?.text ?? "");
    const [row] = rows ?? [];
    if (first === undefined || row === undefined || rows?.length !== 1 || row.length !== this.#columns?.length)
      return yield* this.#given();
    this.#open = [];
    yield* this.#row(first.line, row);
  }

  /** A quote that is never closed takes nothing but its own line along; the lines after it are read as they are. */
  *#given(): Generator<readonly [number, RawMember]> {
    const [first, ...others] = this.#open;
    this.#open = [];
    if (first === undefined) return;
    const [row] = this.#split(first.text, first.text, { quote: false }) ?? [];
    const usable =
      row?.length === this.#columns?.length &&
      !row?.some((cell, n) => this.#columns?.[n] !== undefined && cell.includes('"'));
    if (usable && row !== undefined) yield* this.#row(first.line, row);
    else this.#fault(first.line, "quote", "expected quotes in pairs, found one that is not closed");
    yield* this.rows(others);
  }

  *#parse(lines: readonly TextLine[]): Generator<readonly [number, RawMember]> {
    const [first] = lines;
    if (first === undefined) return;
    // Excel's own way of naming the delimiter.
    const named = this.#columns === undefined ? /^sep=(.)$/i.exec(first.text)?.[1] : undefined;
    if (named !== undefined) {
      this.#delimiter ??= named;
      return yield* this.#parse(lines.slice(1));
    }
    const rows = this.#split(lines.map((l) => l.text).join("\n"), first.text);
    if (rows?.length === lines.length)
      for (const [n, row] of rows.entries()) yield* this.#row(lines[n]?.line ?? 0, row);
    else
      for (const line of lines) {
        const [row] = this.#split(line.text, line.text) ?? [];
        if (row === undefined) this.#fault(line.line, "quote", "expected quotes around whole cells, found others");
        else yield* this.#row(line.line, row);
      }
  }

  *#row(line: number, cells: readonly string[]): Generator<readonly [number, RawMember]> {
    if (this.#columns === undefined) {
      this.#columns = this.#header(cells);
      return;
    }
    const needed = this.#columns.findLastIndex((c) => c !== undefined && c !== "organisation") + 1;
    if (cells.length < Math.min(needed, this.#options.header === false ? 1 : needed)) {
      this.#fault(line, "columns", `expected at least ${needed} columns, found ${cells.length}`);
      return;
    }
    const raw: { [Column in MemberColumn]?: string } = {};
    for (const [n, column] of this.#columns.entries()) if (column !== undefined) raw[column] = cells[n] ?? "";
    yield [line, raw];
  }

  #header(cells: readonly string[]): readonly (MemberColumn | undefined)[] {
    const find = columnFinder(this.#options.columns);
    const columns = cells.map((cell) => find(cell.trim()));
    const needed = (["fnr", "from", "to"] as const).filter(
      (c) => c === "fnr" || this.#options.defaults?.[c] === undefined,
    );
    const twice = columns.some((c, n) => c !== undefined && columns.indexOf(c) !== n);
    if (twice || needed.some((c) => !columns.includes(c))) throw wrongHeader(cells, this.#options, this.#delimiter);
    return columns;
  }

  #split(text: string, sample: string, more: Options = {}): readonly (readonly string[])[] | undefined {
    this.#delimiter ??= likelyDelimiter(sample);
    try {
      return parse(text, {
        delimiter: this.#delimiter,
        relax_column_count: true,
        relax_quotes: true,
        record_delimiter: "\n",
        ...more,
      }) as unknown as string[][];
    } catch {
      return undefined;
    }
  }

  #fault(line: number, problem: MemberFileIssue["problem"], message: string): void {
    this.#issue({ line, level: "error", problem, message });
  }
}

/** Lines that are parsed at once: few, so that what they leave behind is collected young. */
const maxBlock = 250;

/** Most lines that one cell may go over. */
const maxOpenLines = 50;

function oddQuotes(text: string): boolean {
  let odd = false;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) odd = !odd;
  return odd;
}

function likelyDelimiter(sample: string): string {
  const bare = sample.replaceAll(/"[^"]*"/g, "");
  const counts = [";", ",", "\t"].map((d) => [d, bare.split(d).length] as const);
  return counts.reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}

function wrongHeader(
  cells: readonly string[],
  { columns = {}, defaults = {} }: MemberFileOptions,
  delimiter: string | undefined,
): HelsekontaktError {
  const names = (["fnr", "from", "to"] as const)
    .filter((c) => c === "fnr" || defaults[c] === undefined)
    .map((c) => columns[c] ?? memberColumnNames[c].slice(0, 3).join(" or "));
  // A first line with digits is no header but somebody's data, which is not repeated; with a wrong encoding, something
  // stands between the digits.
  const data = cells.some((cell) => cell.replaceAll(/\D/g, "").length >= 3);
  const shown = cells.slice(0, 12).map((cell) => `"${cell.trim().slice(0, 30)}"`);
  const found =
    cells.length === 0 ? "no line at all" : data ? "a first line that holds data" : `the columns ${shown.join(", ")}`;
  return new HelsekontaktError(
    "input/invalid",
    `expected the columns ${names.join(", ")} in the first line, found ${found}`,
    {
      context: { line: 1, columns: cells.length, ...(delimiter === undefined ? {} : { delimiter }) },
      hint: data
        ? "add a header, or say that there is none"
        : "name the columns as expected, or say what they are called; the delimiter is a comma, semicolon or tab",
    },
  );
}
