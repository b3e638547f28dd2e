import { join } from "node:path";
import { GeneratorError, readManifest, readStrictJson, type SpecEntry, type StrictObject } from "@helsekontakt/codegen";

/** One rule as the catalogue tells it. */
export interface RuleRow {
  readonly id: string;
  readonly level: string;
  readonly explanation: string;
  readonly source: readonly string[];
  readonly inferred: string | undefined;
  readonly functions: readonly string[] | undefined;
}

/** One statement about a place in a document that data alone can judge. */
export interface CheckRow {
  readonly rule: string;
  readonly on: string;
  readonly functions?: readonly string[];
  readonly parts?: readonly string[];
  readonly at: readonly string[];
  readonly required?: true;
  readonly absent?: true;
  readonly is?: readonly string[];
  readonly code?: string;
  readonly list?: string;
  readonly format?: string;
  readonly pattern?: string;
}

/** One part that a party has in a dialogue, told by its code. */
export interface PartRow {
  readonly function: string;
  readonly part: string;
  readonly title: string;
  readonly element: string;
  readonly list: string;
  readonly codes: readonly string[];
  readonly party: string | undefined;
}

export interface MatrixRow {
  readonly function: string;
  readonly title: string;
  readonly source: readonly string[];
  readonly inferred: string | undefined;
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly field: string;
    readonly cells: readonly string[];
    readonly rules: readonly string[];
  }[];
}

/** Everything below `specs/rules`. */
export interface RulesDocument {
  readonly specs: readonly SpecEntry[];
  readonly rules: readonly RuleRow[];
  readonly checks: readonly CheckRow[];
  readonly parts: readonly PartRow[];
  readonly matrices: readonly MatrixRow[];
}

const roots = ["MsgHead", "AppRec", "TjenesteOversikt", "Pasientrelasjon", "Dialogmelding"] as const;
const cellWords = new Set(["M", "O", "C", "-"]);

/**
 * Reads the rules, and turns the cells of field matrices into rules of their own: `-missing` for what a part must have,
 * `-unused` for what it does not use.
 *
 * @param complete - code lists that are known in full: only those can be checked against.
 */
export function readRulesDocument(
  specsDir: string,
  functions: ReadonlySet<string>,
  complete: ReadonlyMap<string, ReadonlySet<string>>,
): RulesDocument {
  const specs = readManifest(specsDir).filter((d) => d.kind === "rules");
  if (specs.length === 0)
    throw new GeneratorError("specs/manifest.json", undefined, "none", "a document of kind rules");
  const rules: RuleRow[] = [];
  const checks: CheckRow[] = [];
  const parts: PartRow[] = [];
  const matrices: MatrixRow[] = [];
  for (const spec of specs) {
    const d = readStrictJson(join(specsDir, spec.path), `specs/${spec.path}`, [
      "title",
      "version",
      "parts",
      "matrices",
      "rules",
    ]);
    if (d.string("version") !== spec.version) d.fail("version", `the version in manifest.json, ${spec.version}`);
    d.string("title");
    for (const p of d.objects("parts", ["function", "part", "title", "element", "list", "codes", "party"])) {
      const list = p.oneOf("list", ["7601", "7602"]);
      for (const code of p.strings("codes"))
        if (!complete.get(list)?.has(code)) p.fail("codes", `codes of list ${list}`);
      parts.push({
        function: known(p, "function", p.string("function"), functions),
        part: p.string("part"),
        title: p.string("title"),
        element: p.oneOf("element", ["Foresporsel", "Notat"]),
        list,
        codes: p.strings("codes"),
        party: p.has("party") ? p.oneOf("party", ["helsenorge", "provider"]) : undefined,
      });
    }
    for (const r of d.objects("rules", ruleKeys)) readRule(r, functions, complete, rules, checks);
    for (const m of d.objects("matrices", matrixKeys)) matrices.push(readMatrix(m, parts, functions, rules, checks));
  }
  const ids = new Set(rules.map((r) => r.id));
  if (ids.size !== rules.length) throw new GeneratorError("specs/rules", undefined, "one twice", "one entry a rule");
  for (const row of matrices.flatMap((m) => m.rows))
    for (const id of row.rules)
      if (!ids.has(id)) throw new GeneratorError("specs/rules", undefined, id, "rules that have an entry");
  return { specs, rules, checks, parts, matrices };
}

const ruleKeys = ["id", "level", "on", "functions", "explanation", "source", "x-inferred", "check", "checks"];
const matrixKeys = ["id", "function", "title", "source", "x-inferred", "columns", "rows"];
const checkKeys = ["at", "required", "absent", "is", "code", "list", "format", "pattern"];

function known(o: StrictObject, key: string, value: string, all: ReadonlySet<string>): string {
  return all.has(value) ? value : o.fail(key, "a function of messages.json");
}

function readRule(
  r: StrictObject,
  functions: ReadonlySet<string>,
  complete: ReadonlyMap<string, ReadonlySet<string>>,
  rules: RuleRow[],
  checks: CheckRow[],
): void {
  const id = r.string("id");
  const names = r.has("functions") ? r.strings("functions").map((f) => known(r, "functions", f, functions)) : undefined;
  const source = r.strings("source");
  if (source.length === 0) r.fail("source", "where the rule is stated");
  rules.push({
    id,
    level: r.oneOf("level", ["error", "warning", "varies"]),
    explanation: r.string("explanation"),
    source,
    inferred: r.optionalString("x-inferred"),
    functions: names,
  });
  const one = r.optionalObject("check", checkKeys);
  const stated = [...(one === undefined ? [] : [one]), ...r.objects("checks", checkKeys)];
  if (stated.length > 0 && !r.has("on")) r.fail("on", "the document that the checks are about");
  for (const c of stated) {
    const kinds = checkKeys.slice(1).filter((k) => c.has(k));
    if (kinds.length !== 1) c.fail("at", "one kind of check");
    for (const key of ["code", "list"])
      if (c.has(key) && !complete.has(c.string(key))) c.fail(key, "a code list that is known in full");
    checks.push({
      rule: id,
      on: r.oneOf("on", roots),
      ...(names === undefined ? {} : { functions: names }),
      at: c.string("at").split("/"),
      ...(c.has("required") ? { required: true } : {}),
      ...(c.has("absent") ? { absent: true } : {}),
      ...(c.has("is") ? { is: c.strings("is") } : {}),
      ...(c.has("code") ? { code: c.string("code") } : {}),
      ...(c.has("list") ? { list: c.string("list") } : {}),
      ...(c.has("format") ? { format: c.oneOf("format", ["uuid"]) } : {}),
      ...(c.has("pattern") ? { pattern: c.string("pattern") } : {}),
    });
  }
}

function readMatrix(
  m: StrictObject,
  parts: readonly PartRow[],
  functions: ReadonlySet<string>,
  rules: RuleRow[],
  checks: CheckRow[],
): MatrixRow {
  const prefix = m.string("id");
  const name = known(m, "function", m.string("function"), functions);
  const columns = m.strings("columns");
  const titles = new Map(parts.filter((p) => p.function === name).map((p) => [p.part, p.title]));
  for (const c of columns) if (!titles.has(c)) m.fail("columns", "parts of the function");
  const source = m.strings("source");
  const inferred = m.optionalString("x-inferred");
  const rows = m.objects("rows", ["id", "field", "cells", "also", "judgedBy"]).map((row) => {
    const field = row.string("field");
    const cells = row.strings("cells");
    if (cells.length !== columns.length || !cells.every((c) => cellWords.has(c)))
      row.fail("cells", "M, O, C or - for each column");
    if (!row.has("id")) return { field, cells, rules: row.strings("judgedBy") };
    const id = row.string("id");
    const at = field.split("/");
    const own: string[] = [];
    const add = (
      suffix: string,
      level: string,
      mark: string,
      explain: (who: string) => string,
      check: object,
    ): void => {
      const element = at[0] as string;
      // A part of the other kind cannot have the element: one Foresporsel or one Notat is a rule of its own.
      const where = columns
        .filter(
          (c, i) =>
            cells[i] === mark && parts.some((p) => p.part === c && p.function === name && p.element === element),
        )
        .concat(mark === "-" ? row.strings("also") : []);
      if (where.length === 0) return;
      const rule = `profile/${prefix}-${id}-${suffix}`;
      const who = where.map((w) => titles.get(w) ?? row.fail("also", "parts of the function"));
      rules.push({ id: rule, level, explanation: explain(who.join("; ")), source, inferred, functions: [name] });
      checks.push({ rule, on: "Dialogmelding", functions: [name], parts: where, at, ...check } as CheckRow);
      own.push(rule);
    };
    add("missing", "error", "M", (who) => `${field} is mandatory in: ${who}.`, { required: true });
    add("unused", "warning", "-", (who) => `${field} is not used in: ${who}.`, { absent: true });
    return { field, cells, rules: [...own, ...row.strings("judgedBy")] };
  });
  return { function: name, title: m.string("title"), source, inferred, columns, rows };
}
