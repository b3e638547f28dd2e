import type { Selectable } from "kysely";
import type { LedgerEntry, LedgerEvent, MembershipChange, MembershipOutcome } from "./members-ledger-types.ts";
import type { MemberTable } from "./schema.ts";

type Row = Pick<
  Selectable<MemberTable>,
  | "id"
  | "organisation"
  | "wanted"
  | "period_start"
  | "period_end"
  | "acked"
  | "acked_start"
  | "acked_end"
  | "unsure"
  | "todo"
  | "outcome"
  | "outcome_code"
  | "attempts"
  | "status_at"
  | "next_retry_at"
>;

export const entryColumns = [
  "seq",
  "id",
  "organisation",
  "wanted",
  "period_start",
  "period_end",
  "acked",
  "acked_start",
  "acked_end",
  "unsure",
  "todo",
  "outcome",
  "outcome_code",
  "attempts",
  "status_at",
  "next_retry_at",
] as const;

export function entryFromRow(row: Row): LedgerEntry {
  return {
    id: row.id,
    organisation: row.organisation,
    wanted: row.wanted === 1,
    start: row.period_start ?? "",
    end: row.period_end ?? "",
    ...(row.acked === null || row.unsure === 1
      ? {}
      : {
          acked: { member: row.acked === "member", start: row.acked_start ?? "", end: row.acked_end ?? "" },
        }),
    ...(row.todo === null ? {} : { todo: row.todo }),
    ...(row.outcome === null ? {} : { outcome: row.outcome }),
    ...(row.outcome_code === null ? {} : { code: row.outcome_code }),
    attempts: row.attempts,
    ...(row.status_at === null ? {} : { outcomeAt: row.status_at }),
    ...(row.next_retry_at === null ? {} : { nextRetryAt: row.next_retry_at }),
  };
}

/** What is to be told, so that Helsenorge has what is wanted. */
export function todoOf(
  row: Pick<Row, "acked" | "acked_start" | "acked_end" | "unsure">,
  wanted: { readonly member: boolean; readonly start: string; readonly end: string },
): MembershipChange | null {
  if (!wanted.member) return row.acked === "member" || row.unsure === 1 ? "withdraw" : null;
  if (row.acked !== "member") return "add";
  const same = row.acked_start === wanted.start && row.acked_end === wanted.end;
  return same && row.unsure === 0 ? null : "change";
}

/** A line of a membership's history. */
export function historyLine(event: {
  readonly at: number;
  readonly run: number | null;
  readonly batch: number | null;
  readonly change: LedgerEvent["change"];
  readonly outcome: MembershipOutcome;
  readonly code?: string | undefined;
  readonly start?: string | undefined;
  readonly end?: string | undefined;
}): string {
  const { at, run, batch, change, outcome, code, start, end } = event;
  return `${JSON.stringify([Math.round(at), run, batch, change, outcome, code ?? null, start ?? null, end ?? null])}\n`;
}

type Line = [number, number | null, number | null, LedgerEvent["change"], MembershipOutcome, ...(string | null)[]];

/** Events that are kept, oldest first. */
export function readHistory(text: string | null): LedgerEvent[] {
  const events: LedgerEvent[] = [];
  for (const line of (text ?? "").split("\n")) {
    // The oldest line may have been cut.
    if (!line.startsWith("[") || !line.endsWith("]")) continue;
    const [at, run, batch, change, outcome, code, start, end] = JSON.parse(line) as Line;
    events.push({
      at,
      ...(run === null ? {} : { run }),
      ...(batch === null ? {} : { batch }),
      change,
      outcome,
      ...(typeof code === "string" ? { code } : {}),
      ...(typeof start === "string" ? { start } : {}),
      ...(typeof end === "string" ? { end } : {}),
    });
  }
  return events;
}

/** Which members a run has met, a bit each: a run of millions in a megabyte, and nothing to write for those unchanged. */
export class SeenSet {
  readonly #pages = new Map<number, Uint32Array>();

  /** @returns false when it was there before. */
  add(seq: number): boolean {
    const page = Math.floor(seq / 32_768);
    let bits = this.#pages.get(page);
    if (bits === undefined) {
      bits = new Uint32Array(1_024);
      this.#pages.set(page, bits);
    }
    const word = (seq % 32_768) >>> 5;
    const mask = 1 << (seq & 31);
    const before = bits[word] ?? 0;
    bits[word] = before | mask;
    return (before & mask) === 0;
  }

  has(seq: number): boolean {
    const bits = this.#pages.get(Math.floor(seq / 32_768));
    return bits !== undefined && ((bits[(seq % 32_768) >>> 5] ?? 0) & (1 << (seq & 31))) !== 0;
  }
}
