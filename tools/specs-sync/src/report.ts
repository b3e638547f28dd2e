import type { Bump, Change } from "./compare.ts";
import type { Impact } from "./impact.ts";

/** What a run found of one document. */
export interface DocumentReport {
  readonly id: string;
  readonly kind: string;
  /** `unchanged`: the same bytes. `same facts`: other words or layout. `moved`: other facts. `not found`, `not reached`: see `note`. */
  readonly state: "unchanged" | "same facts" | "moved" | "not found" | "not reached";
  readonly from?: string;
  readonly note?: string;
  readonly bump?: Bump;
  readonly changes: readonly Change[];
  readonly impact: Impact;
  readonly carried: readonly string[];
  readonly lost: readonly string[];
  readonly overlays: readonly string[];
}

/** One page for people. */
export function markdown(reports: readonly DocumentReport[]): string {
  const lines = ["# Upstream documents", "", ...summary(reports)];
  for (const r of reports.filter((d) => d.changes.length > 0 || d.lost.length > 0)) {
    lines.push("", `## ${r.id}`, "");
    if (r.changes.length > 0) {
      lines.push("| change | what | statement | before | after | breaking | why |", "|---|---|---|---|---|---|---|");
      for (const c of r.changes)
        lines.push(
          `| ${c.kind} | ${c.what} ${cell(c.place)} | ${cell(c.statement)} | ${cell(c.before)} | ${cell(c.after)} | ${c.breaking ? "**yes**" : "no"} | ${c.why} |`,
        );
    }
    section(lines, "Generated names touched", r.impact.symbols);
    section(lines, "Messages touched", r.impact.functions);
    section(lines, "Ours, carried over", r.carried);
    section(lines, "Ours, and no longer a place for it", r.lost);
    section(lines, "Corrections applied again", r.overlays);
  }
  return `${lines.join("\n")}\n`;
}

function summary(reports: readonly DocumentReport[]): string[] {
  const moved = reports.filter((r) => r.state !== "unchanged" && r.state !== "not found");
  const rest = reports.filter((r) => !moved.includes(r));
  return [
    `${reports.length} documents: ${count(reports, "unchanged")} unchanged, ${count(reports, "same facts")} with the same facts, ${count(reports, "moved")} moved, ${count(reports, "not found")} not found, ${count(reports, "not reached")} not reached.`,
    "",
    ...(moved.length === 0
      ? []
      : ["| document | state | changes | breaking | bump | from |", "|---|---|---|---|---|---|"]),
    ...moved.map(
      (r) =>
        `| ${r.id} | ${r.state}${r.note === undefined ? "" : ` (${r.note})`} | ${r.changes.length} | ${r.changes.filter((c) => c.breaking).length} | ${r.bump ?? ""} | ${cell(r.from)} |`,
    ),
    ...(rest.length === 0
      ? []
      : ["", ...rest.map((r) => `- ${r.id}: ${r.state}${r.note === undefined ? "" : `, ${r.note}`}`)]),
  ];
}

function count(reports: readonly DocumentReport[], state: DocumentReport["state"]): number {
  return reports.filter((r) => r.state === state).length;
}

function section(lines: string[], title: string, items: readonly string[]): void {
  if (items.length === 0) return;
  lines.push("", `### ${title}`, "", ...items.map((item) => `- ${cell(item)}`));
}

function cell(text: string | undefined): string {
  if (text === undefined) return "";
  return `\`${text.replaceAll("`", "'").replaceAll("|", "\\|").replaceAll(/\s+/g, " ")}\``;
}
