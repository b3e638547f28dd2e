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

// A client of the members bench, in a process of its own so that its memory is nobody else's: `adapting` loads the whole
// register and then a change of it, `fixed` goes through the fixed sizes round by round for as long as that sends.
const [, , what, ...numbersGiven] = process.argv;
const [port = 0, scale = 1, people = 1, parallel = 1] = numbersGiven.map(Number);

/** Time in calls and members that were answered for; what a batch size decides. */
let busy = { ms: 0, members: 0 };

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
const client = createHelsekontakterClient({
  baseUrl: `http://127.0.0.1:${port}`,
  retry: { tries: 1, timeoutMs: 600_000 },
});
const register = createMemberRegister({
  journal,
  client: {
    ...client,
    async registerMembers(bundle, options) {
      const started = performance.now();
      try {
        const result = await client.registerMembers(bundle, options);
        busy.members += result.members.length;
        return result;
      } finally {
        busy.ms += performance.now() - started;
      }
    },
  },
  wire: undefined,
  organisation: "999999999",
  clock: systemClock,
  guard: createPersonGuard(false, true),
  production: false,
});
const batch = { timeoutMs: Math.round(15_000 / scale), pauseMs: 1, parallel };
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

async function adapting(): Promise<unknown> {
  // Resident memory by tenths of the first load, the input's reading first.
  const memory: number[] = [];
  let told = false;
  const onProgress: NonNullable<ReconcileOptions["onProgress"]> = ({ phase, read, sent }) => {
    const place = phase === "reading" ? Math.floor((read * 10) / people) : 10 + Math.floor((sent * 10) / people);
    memory[place] = Math.max(memory[place] ?? 0, process.memoryUsage.rss() / 2 ** 20);
    if (phase === "sending" && !told) process.send?.("sending");
    told ||= phase === "sending";
  };
  const load = await register.reconcile(
    members(() => "2027-07-31"),
    { batch, onProgress },
  );
  process.send?.("sent");
  const inCalls = busy;
  busy = { ms: 0, members: 0 };
  const change = await register.reconcile(
    members((n) => (n % 100 === 0 ? "2027-12-31" : "2027-07-31")),
    { batch },
  );
  return {
    load: { ...facts(load), inCalls },
    change: { ...facts(change), inCalls: busy },
    memory: memory.map(Math.round),
  };
}

/** The search for the best fixed size: every size once in each round, until told to end. */
async function fixed(): Promise<unknown> {
  const end = new AbortController();
  process.on("message", () => end.abort());
  const found = new Map<number, { ms: number; members: number }>();
  for (let round = 0; round === 0 || !end.signal.aborted; round++)
    for (const size of [200, 400, 600, 800, 1_000]) {
      busy = { ms: 0, members: 0 };
      await register.reconcile(
        members(() => `${2030 + round}-07-${10 + (size % 17)}`),
        { mode: "delta", batch: { ...batch, fixed: size } },
      );
      const before = found.get(size) ?? { ms: 0, members: 0 };
      found.set(size, { ms: before.ms + busy.ms, members: before.members + busy.members });
    }
  return [...found].map(([size, inCalls]) => ({ size, inCalls }));
}

try {
  process.send?.(await (what === "fixed" ? fixed() : adapting()));
} finally {
  await journal.close();
  rmSync(dir, { recursive: true, force: true });
}
process.disconnect?.();
