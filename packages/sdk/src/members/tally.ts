import type { MemberSettlement } from "@helsekontakt/journal";
import type { MemberResult, ReconcileReport } from "./types.ts";

/** Counts of a run's sending. */
export class Tally {
  readonly results: Record<MemberResult, number> = { accepted: 0, "not-active": 0, refused: 0, unknown: 0 };
  readonly #reasons = new Map<string, number>();
  calls = 0;
  sent = 0;
  answered = 0;
  timeouts = 0;
  failures = 0;
  splits = 0;
  setAside = 0;
  firstSize = 0;
  resumed = { batches: 0, members: 0 };
  retried = { members: 0, stillInactive: 0 };

  settle(settlements: readonly MemberSettlement[]): void {
    for (const { outcome, code } of settlements) {
      this.results[outcome]++;
      if (code === undefined) continue;
      const key = `${outcome} ${code}`;
      this.#reasons.set(key, (this.#reasons.get(key) ?? 0) + 1);
    }
  }

  reasons(): ReconcileReport["reasons"] {
    return [...this.#reasons]
      .map(([key, members]) => {
        const [result = "unknown", code = ""] = key.split(" ");
        return { result: result as MemberResult, code, members };
      })
      .sort((a, b) => b.members - a.members || (a.code < b.code ? -1 : 1));
  }
}
