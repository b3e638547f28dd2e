import { parse } from "csv-parse/sync";
import { describe, expect, it } from "vitest";
import { memberLines, renderMemberReport, renderRegisterStatus } from "../src/member-reports/render.ts";
import type { MemberState, ReconcileReport } from "../src/members/types.ts";

const report: ReconcileReport = {
  run: 7,
  kind: "reconcile",
  mode: "full",
  dryRun: false,
  startedAt: Date.UTC(2026, 10, 25, 4),
  finishedAt: Date.UTC(2026, 10, 25, 4, 3, 5),
  input: {
    read: 300_000,
    good: 299_990,
    errors: 10,
    warnings: 3,
    problems: { period: 4, date: 6 },
    unreadable: 2,
    ms: 4_210,
  },
  changes: { added: 1_200, changed: 300, withdrawn: 40, unchanged: 298_490, withheld: 5 },
  resumed: { batches: 2, members: 150 },
  retried: { members: 90, stillInactive: 70 },
  results: { accepted: 1_400, "not-active": 120, refused: 12, unknown: 3 },
  reasons: [
    { result: "not-active", code: "2118", members: 120 },
    { result: "refused", code: '=1+"x"', members: 12 },
  ],
  calls: { calls: 20, members: 1_535, timeouts: 2, failures: 1, splits: 1, setAside: 1, ms: 170_000 },
  batchSize: { first: 25, last: 110, largest: 140, cap: 1_000 },
  slowest: [{ batch: 12, members: 140, ms: 15_000, tries: 2, timeouts: 2, result: "split" }],
  assumptions: [
    { name: "bundleType", value: "collection", mark: "inferred", reason: "not published" },
    { name: "mediaType", value: "application/fhir+json", mark: "configured" },
  ],
  stopped: { code: "rest/unavailable", message: "[rest/unavailable] the service failed, ten times" },
};

const state: MemberState = {
  id: "m-1",
  organisation: "998888887",
  desired: { member: true, from: "2026-08-01", to: "2027-07-31" },
  acknowledged: { member: true, from: "2025-08-01", to: "2026-07-31" },
  pending: "change",
  result: "not-active",
  code: "2118",
  attempts: 3,
  resultAt: Date.UTC(2026, 10, 25),
  nextRetryAt: Date.UTC(2026, 10, 28),
};

async function lines(options: Parameters<typeof memberLines>[1]): Promise<string> {
  let text = "";
  const one = (async function* () {
    yield state;
  })();
  for await (const line of memberLines(one, options)) text += line;
  return text;
}

describe("a report", () => {
  it("tells people every count, reason, slow batch, assumption and end", () => {
    const text = renderMemberReport(report, "text");
    for (const part of [
      "Run 7, reconcile, full: 3 min 5 s",
      "300 000 read",
      "2 lines left out",
      "period          4",
      "1 200 new",
      "298 490 unchanged",
      "Kept              5",
      "150 members in 2 batches",
      "70 still not active",
      "120 not-active",
      "not-active 2118",
      "2 without an answer in time",
      "140 largest, cap 1000",
      "batch 12: 140 members, 15.0 s, 2 tries, split",
      "  bundleType = collection",
      "early       [rest/unavailable] the service failed, ten times",
    ])
      expect(text).toContain(part);
    expect(text).not.toContain("mediaType");
    const { stopped: _stopped, ...whole } = report;
    expect(renderMemberReport({ ...whole, dryRun: true }, "text")).toMatch(
      /dry run: nothing was sent[^]*(?!Ended early)/,
    );
    expect(renderMemberReport(whole, "text")).not.toContain("Ended early");
  });

  it("is the same object as JSON, and a table that a CSV reader and a spreadsheet take as it is", () => {
    expect(JSON.parse(renderMemberReport(report, "json"))).toEqual(report);
    const rows = parse(renderMemberReport(report, "csv")) as unknown as string[][];
    expect(rows.every((row) => row.length === 4)).toBe(true);
    for (const row of [
      ["input", "read", "", "300000"],
      ["problem", "date", "", "6"],
      ["change", "withdrawn", "", "40"],
      ["result", "not-active", "", "120"],
      ["reason", "not-active", "2118", "120"],
      ["reason", "refused", `'=1+"x"`, "12"],
      ["slowest", "batch 12", "ms", "15000"],
      ["assumption", "bundleType", "inferred", "collection"],
      ["stopped", "rest/unavailable", "", "[rest/unavailable] the service failed, ten times"],
    ])
      expect(rows).toContainEqual(row);
  });
});

describe("members one by one", () => {
  it("are lines without numbers, unless they are asked for", async () => {
    const csv = parse(await lines({ format: "csv" }), { columns: true }) as unknown as Record<string, string>[];
    expect(csv).toEqual([
      {
        id: "m-1",
        organisation: "998888887",
        result: "not-active",
        code: "2118",
        pending: "change",
        member: "true",
        from: "2026-08-01",
        to: "2027-07-31",
        acknowledged: "true",
        acknowledgedFrom: "2025-08-01",
        acknowledgedTo: "2026-07-31",
        attempts: "3",
        resultAt: "2026-11-25T00:00:00.000Z",
        nextRetryAt: "2026-11-28T00:00:00.000Z",
      },
    ]);
    expect(JSON.parse(await lines({ format: "ndjson" }))).toEqual(state);
    const fnrOf = async (id: string) => (id === "m-1" ? "01814010070" : undefined);
    expect(await lines({ format: "csv", fnrOf })).toMatch(/^fnr,id.*\n01814010070,m-1,/);
    expect(JSON.parse(await lines({ format: "ndjson", fnrOf }))).toMatchObject({ fnr: "01814010070", id: "m-1" });
  });
});

describe("the register's status", () => {
  it("tells what waits, why, and the last run", () => {
    const text = renderRegisterStatus({
      members: 1_234,
      withdrawn: 5,
      results: { accepted: 1_000, "not-active": 200, refused: 4, unknown: 0, new: 30 },
      due: 12,
      later: 188,
      nextRetryAt: Date.UTC(2026, 10, 28, 4),
      openBatches: 1,
      reasons: [{ result: "refused", code: "1112", members: 4 }],
      lastRun: { run: 7, kind: "retry", state: "stopped", startedAt: Date.UTC(2026, 10, 25, 4) },
      running: true,
    });
    for (const part of [
      "1 234, withdrawn 5",
      "not-active      200",
      "12 now, 188 later, the first on 2026-11-28 04:00 UTC",
      "refused 1112",
      "7 (retry), stopped",
      "A run is at work now",
    ])
      expect(text).toContain(part);
  });
});
