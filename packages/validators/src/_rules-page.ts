import type { FieldMatrix, RuleEntry } from "./catalogue.ts";

const families: readonly (readonly [string, string])[] = [
  ["profile", "Messages of Helsenorge"],
  ["xml", "XML"],
  ["xsd", "Schemas"],
  ["fhir", "FHIR"],
  ["openapi", "REST bodies"],
];

/** The page RULES.md, from the catalogue. */
export function rulesPage(catalogue: ReadonlyMap<string, RuleEntry>, matrices: readonly FieldMatrix[]): string {
  const rules = [...catalogue.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const sections = families.map(([prefix, title]) => {
    const own = rules.filter((r) => r.id.startsWith(`${prefix}/`));
    return `## ${title} (${own.length})\n\n| rule | level | meaning | stated in |\n|---|---|---|---|\n${own.map(row).join("")}`;
  });
  const inferred = rules.filter((r) => r.inferred !== undefined).length;
  return `# Rules of the validators

${rules.length} rules. \`Issue.rule\` holds the id, which is stable; \`helsekontakt explain <id>\` prints one of them. This page is made
from the catalogue (\`ruleCatalogue\`), and a test keeps it true.

An error is what a schema, a profile or a guide demands. A warning is what is stated and not enforced, what official examples
do otherwise, or what is inferred: ${inferred} rules carry something that nobody at Norsk helsenett has confirmed, told behind
*Inferred*.

${sections.join("\n")}
## Field matrices

M mandatory, O optional, C conditional, - not used.

${matrices.map(matrix).join("\n")}`;
}

function row(rule: RuleEntry): string {
  const functions = rule.functions === undefined ? "" : ` (${rule.functions.join(", ")})`;
  const inferred = rule.inferred === undefined ? "" : ` *Inferred:* ${rule.inferred}.`;
  return `| \`${rule.id}\` | ${rule.level} | ${cell(rule.explanation + functions + inferred)} | ${cell(rule.source.join("; "))} |\n`;
}

function matrix(table: FieldMatrix): string {
  const head = `| field | ${table.columns.join(" | ")} | judged by |\n|---|${table.columns.map(() => "---|").join("")}---|\n`;
  const rows = table.rows.map(
    (r) => `| ${cell(r.field)} | ${r.cells.join(" | ")} | ${r.rules.map((id) => `\`${id}\``).join(", ")} |\n`,
  );
  const inferred = table.inferred === undefined ? "" : `\n*Inferred:* ${table.inferred}.\n`;
  return `### ${table.title}\n\n\`${table.function}\`, ${table.source.join("; ")}.\n\n${head}${rows.join("")}${inferred}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
