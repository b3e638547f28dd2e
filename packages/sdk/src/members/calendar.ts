import { HelsekontaktError } from "@helsekontakt/core";
import type { HelsekontakterWire } from "@helsekontakt/rest-client";

/** When a member is tried again who has been tried `attempts` times before this one. */
export type RetryCalendar = (now: number, attempts: number) => number;

const dayMs = 24 * 3_600_000;
export const defaultRetryDays = [1, 3, 7, 14, 30] as const;

/** @throws {HelsekontaktError} `input/invalid` */
export function retryCalendar(days: readonly number[] = defaultRetryDays): RetryCalendar {
  if (days.length === 0 || !days.every((d) => Number.isFinite(d) && d >= 0 && d <= 3_650))
    throw new HelsekontaktError("input/invalid", "expected retryDays from 0 to 3650, found something else", {
      context: { field: "retryDays" },
    });
  return (now, attempts) => now + (days[Math.min(attempts, days.length - 1)] ?? 1) * dayMs;
}

const norwegian = new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Oslo" });

/** The day in Norway, `yyyy-mm-dd`. */
export function dayAt(time: number): string {
  return norwegian.format(time);
}

/** The period that ends a membership; it never ends before it starts. */
export function withdrawalPeriod(
  known: { readonly start: string },
  today: string,
  rule: Exclude<HelsekontakterWire["memberWithdrawal"], "omit">,
): { readonly start: string; readonly end: string } {
  const end =
    rule === "end-today" ? today : new Date(Date.parse(`${today}T00:00:00Z`) - dayMs).toISOString().slice(0, 10);
  return { start: known.start !== "" && known.start < end ? known.start : end, end };
}
