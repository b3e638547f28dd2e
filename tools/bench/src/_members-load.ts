import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@helsekontakt/core";
import { openJournal, sqliteStore } from "@helsekontakt/sdk";
import { createHelsekontakterClient } from "../../../packages/rest-client/src/helsekontakter.ts";
import { withControlDigits } from "../../../packages/sandbox/src/citizens.ts";
import { createMemberRegister } from "../../../packages/sdk/src/members/register.ts";
import type { MemberInput, ReconcileOptions, ReconcileReport } from "../../../packages/sdk/src/members/types.ts";
import { createPersonGuard } from "../../../packages/sdk/src/person-guard.ts";

// The client of the members bench, in a process of its own so that its memory is nobody else's.
const port = Number(process.argv[2]);
const scale = Number(process.argv[3]);
const people = Number(process.argv[4]);
const organisation = "999999999";

/** Synthetic persons, the same ones every time; made as they are asked for. */
function* numbers(count: number): Generator<string> {
  let made = 0;
  for (let n = 0; made < count; n++) {
    const [year, day, month] = [40 + (n % 60), 1 + (Math.floor(n / 60) % 28), 81 + (Math.floor(n / 1_680) % 12)];
    const individual = Math.floor(n / 20_160) + 100;
    const fnr = withControlDigits(`${String(day).padStart(2, "0")}${month}${year}${individual}`);
    if (fnr === undefined) continue;
    made++;
    yield fnr;
  }
}

function* members(to: (n: number) => string, count = people): Generator<MemberInput> {
  let n = 0;
  for (const fnr of numbers(count)) yield { fnr, from: "2026-08-01", to: to(n++) };
}

const dir = mkdtempSync(join(tmpdir(), "helsekontakt-bench-"));
const journal = await openJournal({
  store: sqliteStore({ file: join(dir, "journal.sqlite") }),
  key: { id: "k", secret: new Uint8Array(32).fill(7) },
});
const register = createMemberRegister({
  journal,
  client: createHelsekontakterClient({
    baseUrl: `http://127.0.0.1:${port}`,
    retry: { tries: 1, timeoutMs: 600_000 },
  }),
  wire: undefined,
  organisation,
  clock: systemClock,
  guard: createPersonGuard(false, true),
  production: false,
});
const batch = { timeoutMs: Math.round(15_000 / scale), pauseMs: 1 };
const facts = ({ calls, input, changes, batchSize, results, reasons, stopped }: ReconcileReport) => ({
  sendMs: calls.ms,
  readMs: input.ms,
  calls: calls.calls,
  members: results.accepted,
  setAside: calls.setAside,
  reasons,
  timeouts: calls.timeouts,
  splits: calls.splits,
  largest: batchSize.largest,
  unchanged: changes.unchanged,
  stopped,
});
try {
  // Resident memory by tenths of the first load, the input's reading first.
  const memory: number[] = [];
  const sample = (place: number): void => {
    memory[place] = Math.max(memory[place] ?? 0, process.memoryUsage.rss() / 2 ** 20);
  };
  const onProgress: NonNullable<ReconcileOptions["onProgress"]> = ({ phase, read, sent }) =>
    sample(phase === "reading" ? Math.floor((read * 10) / people) : 10 + Math.floor((sent * 10) / people));
  const load = await register.reconcile(
    members(() => "2027-07-31"),
    { batch, onProgress },
  );
  const change = await register.reconcile(
    members((n) => (n % 100 === 0 ? "2027-12-31" : "2027-07-31")),
    { batch },
  );
  // The search for the best fixed size, on the same full register.
  const sample20 = Math.min(people, 10_000);
  const fixed: { size: number; perSecond: number }[] = [];
  for (const [round, size] of [100, 200, 400, 600, 700, 800, 900, 1_000].entries()) {
    const run = await register.reconcile(
      members(() => `${2030 + round}-07-31`, sample20),
      {
        mode: "delta",
        batch: { ...batch, fixed: size },
      },
    );
    fixed.push({ size, perSecond: (run.results.accepted * 1_000) / run.calls.ms });
  }
  process.send?.({ load: facts(load), change: facts(change), fixed, memory: memory.map(Math.round) });
} finally {
  await journal.close();
  rmSync(dir, { recursive: true, force: true });
}
process.disconnect?.();
