import { type Clock, HelsekontaktError, Personal, throwIfAborted } from "@helsekontakt/core";
import type { Journal, LedgerEntry, LedgerEvent, LedgerRunHandle, StagedMember } from "@helsekontakt/journal";
import { describeWire, type HelsekontakterClient, type HelsekontakterWire } from "@helsekontakt/rest-client";
import type { PersonGuard } from "../person-guard.ts";
import { batchLimits } from "./batch-limits.ts";
import { defaultRetryDays, retryCalendar } from "./calendar.ts";
import { checkInput, type InputRules } from "./check-input.ts";
import { Sender, Stopped } from "./send.ts";
import { Tally } from "./tally.ts";
import type {
  MemberAssumption,
  MemberEvent,
  MemberInput,
  MemberInputIssue,
  MemberInputProblem,
  MemberRegister,
  MemberState,
  ReconcileOptions,
  ReconcileReport,
  SendMembersOptions,
} from "./types.ts";

/** What the register is made of. */
export interface RegisterParts {
  readonly journal: Journal;
  /** Makes no retries of its own and has no time limit below the register's. */
  readonly client: HelsekontakterClient;
  /** Settings that were configured, for the report. */
  readonly wire: Partial<HelsekontakterWire> | undefined;
  readonly organisation: string;
  readonly clock: Clock;
  readonly guard: PersonGuard;
  readonly production: boolean;
  /** Milliseconds until another machine may take over a run whose process is gone; default 30,000. */
  readonly leaseMs?: number;
}

/** Members of the input that are compared at a time. */
const chunk = 5_000;

interface Reading {
  read: number;
  good: number;
  errors: number;
  warnings: number;
  readonly problems: Partial<Record<MemberInputProblem, number>>;
  unreadable: number;
  ms: number;
  added: number;
  changed: number;
  withdrawn: number;
  unchanged: number;
  withheld: number;
}

/** Builds the register on a journal and a client. */
export function createMemberRegister(parts: RegisterParts): MemberRegister {
  const { journal, client, clock } = parts;

  async function runOnce(
    kind: "reconcile" | "retry",
    options: ReconcileOptions & { readonly everything?: boolean },
    read:
      | ((run: LedgerRunHandle, reading: Reading, progress: () => void) => Promise<"accepted" | HelsekontaktError>)
      | undefined,
  ): Promise<ReconcileReport> {
    const { signal, dryRun = false, mode = "full", everything = false } = options;
    throwIfAborted(signal);
    const limits = batchLimits(options.batch);
    const calendar = retryCalendar(options.retryDays);
    const maxFailures = positive("maxFailures", options.maxFailures ?? 10);
    const startedAt = clock.now();
    const run = await journal.ledger.begin({
      kind,
      dryRun,
      ...(parts.leaseMs === undefined ? {} : { leaseMs: parts.leaseMs }),
      ...(signal === undefined ? {} : { signal }),
    });
    const tally = new Tally();
    const reading = emptyReading();
    let phase: "resuming" | "reading" | "sending" = "resuming";
    let toSend = 0;
    const progress = (batchSize: number): void =>
      options.onProgress?.({ phase, read: reading.read, sent: tally.answered, toSend, calls: tally.calls, batchSize });
    const sender = new Sender({
      run,
      client,
      clock,
      limits,
      calendar,
      tally,
      aktivsjekk: options.aktivsjekk,
      everything,
      maxFailures,
      progress,
      signal,
    });
    let sendingMs = 0;
    const timed = async (work: () => Promise<void>): Promise<void> => {
      const before = performance.now();
      try {
        await work();
      } finally {
        sendingMs += performance.now() - before;
      }
    };
    let stopped: HelsekontaktError | undefined;
    let ended: "done" | "stopped" | "refused" = read === undefined ? "stopped" : "refused";
    try {
      try {
        if (!dryRun) {
          if (options.batch?.start === undefined) await sender.remember();
          await timed(() => sender.resume());
        }
        phase = "reading";
        if (read !== undefined) {
          const before = performance.now();
          const verdict = await read(run, reading, () => progress(sender.sizer.size));
          reading.ms = Math.round(performance.now() - before);
          if (verdict !== "accepted") throw verdict;
        } else if (everything) await run.reviveRefused();
        if (!dryRun) {
          await run.accept();
          ended = "stopped";
          phase = "sending";
          toSend = tally.answered + (await run.countDue(everything));
          await timed(() => sender.sendDue());
        }
        ended = "done";
      } catch (reason) {
        if (!(reason instanceof Stopped)) throw reason;
        stopped = reason.reason;
        if (phase === "resuming") ended = "stopped";
      }
      const slowest = dryRun ? [] : await run.slowest(10);
      const { ms: readMs, added, changed, withdrawn, unchanged, withheld, ...input } = reading;
      return {
        run: run.run,
        kind,
        mode,
        dryRun,
        startedAt,
        finishedAt: clock.now(),
        input: { ...input, ms: readMs },
        changes: { added, changed, withdrawn, unchanged, withheld },
        resumed: tally.resumed,
        retried: tally.retried,
        results: tally.results,
        reasons: tally.reasons(),
        calls: {
          calls: tally.calls,
          members: tally.sent,
          timeouts: tally.timeouts,
          failures: tally.failures,
          splits: tally.splits,
          setAside: tally.setAside,
          ms: Math.round(sendingMs),
        },
        batchSize: { first: tally.firstSize, last: sender.sizer.size, largest: sender.sizer.largest, cap: limits.max },
        slowest: slowest.map(({ state, ...facts }) => ({ ...facts, result: state })),
        assumptions: assumptions(parts.wire, options),
        ...(stopped === undefined ? {} : { stopped: { code: stopped.code, message: stopped.message } }),
      };
    } finally {
      // What a run staged that did not come to its end does not count; the next run finds it again.
      await run.end(ended);
    }
  }

  return {
    async reconcile(input, options = {}) {
      const share = options.maxWithdrawals ?? 0.1;
      if (!(share >= 0 && share <= 1))
        throw new HelsekontaktError("input/invalid", "expected maxWithdrawals from 0 to 1, found another value", {
          context: { field: "maxWithdrawals" },
        });
      const organisations = options.organisations ?? [parts.organisation];
      return runOnce("reconcile", options, async (run, reading, progress) => {
        await readInput(parts, run, input, organisations, options, reading, progress);
        return options.mode === "delta" ? "accepted" : withdrawAbsent(run, organisations, share, options, reading);
      });
    },

    retry: (options = {}) => runOnce("retry", { ...options, mode: "delta" }, undefined),

    async status({ signal } = {}) {
      const { outcomes, reasons, lastRun, ...status } = await journal.ledger.status(
        signal === undefined ? {} : { signal },
      );
      return {
        ...status,
        results: outcomes,
        reasons: reasons.map(({ outcome, ...reason }) => ({ result: outcome, ...reason })),
        ...(lastRun === undefined ? {} : { lastRun }),
      };
    },

    async explain(idOrFnr, { signal } = {}) {
      const text = typeof idOrFnr === "string" ? idOrFnr : idOrFnr.reveal();
      const who = /^\d{11}$/.test(text) ? { person: new Personal(text) } : { id: text };
      const found = await journal.ledger.explain(who, signal === undefined ? {} : { signal });
      return found.map(({ events, ...entry }) => ({ ...stateOf(entry), events: events.map(eventOf) }));
    },

    async *members({ run, result, signal } = {}) {
      const filter = {
        ...(run === undefined ? {} : { run }),
        ...(result === undefined ? {} : { outcome: result }),
        ...(signal === undefined ? {} : { signal }),
      };
      for await (const entry of journal.ledger.entries(filter)) yield stateOf(entry);
    },
  };
}

function emptyReading(): Reading {
  const counts = { added: 0, changed: 0, withdrawn: 0, unchanged: 0, withheld: 0 };
  return { read: 0, good: 0, errors: 0, warnings: 0, problems: {}, unreadable: 0, ms: 0, ...counts };
}

async function readInput(
  parts: RegisterParts,
  run: LedgerRunHandle,
  input: AsyncIterable<MemberInput> | Iterable<MemberInput>,
  organisations: readonly string[],
  options: ReconcileOptions,
  reading: Reading,
  progress: () => void,
): Promise<void> {
  const { signal } = options;
  const rules: InputRules = {
    organisation: parts.organisation,
    organisations: new Set(organisations),
    controlDigits: options.controlDigits ?? "warning",
    delta: options.mode === "delta",
    guard: parts.guard,
    production: parts.production,
  };
  const tell = (issue: MemberInputIssue): void => {
    reading[issue.level === "error" ? "errors" : "warnings"]++;
    reading.problems[issue.problem] = (reading.problems[issue.problem] ?? 0) + 1;
    options.onIssue?.(issue);
  };
  let members: StagedMember[] = [];
  let lines: number[] = [];
  const flush = async (): Promise<void> => {
    const results = await run.stage(members, signal === undefined ? {} : { signal });
    for (const [n, result] of results.entries()) {
      if (result === "kept") continue;
      const line = lines[n] ?? 0;
      if (result === "duplicate")
        tell({ line, level: "warning", problem: "duplicate", message: "expected each member once, found one again" });
      else if (result === "two-periods")
        tell({
          line,
          level: "error",
          problem: "two-periods",
          message: "expected one period for each member, found another one; the first counts",
        });
      else {
        reading.good++;
        reading[result]++;
      }
    }
    members = [];
    lines = [];
    progress();
  };
  for await (const one of input) {
    if ((reading.read & 255) === 0) throwIfAborted(signal);
    reading.read++;
    const line = one.line ?? reading.read;
    const member = checkInput(one, rules, (issue) => tell({ line, ...issue }));
    if (member === undefined) continue;
    members.push(member);
    lines.push(line);
    if (members.length === chunk) await flush();
  }
  throwIfAborted(signal);
  if (members.length > 0) await flush();
  reading.unreadable = options.unreadable?.() ?? 0;
}

/** Withdraws who is absent from a full input, unless the input looks as if it were not whole. */
async function withdrawAbsent(
  run: LedgerRunHandle,
  organisations: readonly string[],
  share: number,
  options: ReconcileOptions,
  reading: Reading,
): Promise<"accepted" | HelsekontaktError> {
  const call = options.signal === undefined ? {} : { signal: options.signal };
  const { absent, wanted } = await run.countAbsent(organisations, call);
  // A repeated member is no line that is missing.
  const broken = reading.errors - (reading.problems["two-periods"] ?? 0) + reading.unreadable;
  if (broken > 0 && options.withdrawDespiteErrors !== true) {
    reading.withheld = absent;
    return "accepted";
  }
  if (absent === 0) {
    // What an input left behind that was refused.
    if (options.dryRun !== true) await run.withdrawAbsent(organisations, call);
    return "accepted";
  }
  const tooMany = reading.read === 0 || absent > Math.max(1, wanted * share);
  if (tooMany && options.allowWithdrawals !== true)
    return new HelsekontaktError(
      "input/invalid",
      `expected an input that withdraws at most ${Math.round(share * 100)} % of ${wanted} members, found one that leaves out ${absent}`,
      {
        hint: "check that the input is whole; allowWithdrawals consents to it, and mode delta never withdraws for absence",
        context: { absent, members: wanted },
      },
    );
  reading.withdrawn += absent;
  if (options.dryRun !== true) await run.withdrawAbsent(organisations, call);
  return "accepted";
}

function assumptions(wire: Partial<HelsekontakterWire> | undefined, options: SendMembersOptions): MemberAssumption[] {
  const settings = describeWire(wire ?? {}).map(({ name, value, mark, reason }) => ({
    name,
    value,
    mark,
    ...(reason === undefined ? {} : { reason }),
  }));
  const given = options.retryDays !== undefined;
  return [
    ...settings.filter((s) => s.mark !== "confirmed"),
    {
      name: "retryDays",
      value: (options.retryDays ?? defaultRetryDays).join(", "),
      mark: given ? "configured" : "inferred",
      ...(given ? {} : { reason: "inactive members are to be retried periodically; how often is not published" }),
    },
    {
      name: "batch.max",
      value: String(options.batch?.max ?? 1_000),
      mark: options.batch?.max === undefined ? "inferred" : "configured",
      ...(options.batch?.max === undefined ? { reason: "no limit for the members of one call is published" } : {}),
    },
  ];
}

function stateOf(entry: LedgerEntry): MemberState {
  const { id, organisation, wanted, start, end, acked, todo, outcome, code, attempts, outcomeAt, nextRetryAt } = entry;
  return {
    id,
    organisation,
    desired: { member: wanted, from: start, to: end },
    ...(acked === undefined ? {} : { acknowledged: { member: acked.member, from: acked.start, to: acked.end } }),
    ...(todo === undefined ? {} : { pending: todo }),
    ...(outcome === undefined ? {} : { result: outcome }),
    ...(code === undefined ? {} : { code }),
    attempts,
    ...(outcomeAt === undefined ? {} : { resultAt: outcomeAt }),
    ...(nextRetryAt === undefined ? {} : { nextRetryAt }),
  };
}

function eventOf({ outcome, start, end, ...event }: LedgerEvent): MemberEvent {
  return {
    ...event,
    result: outcome,
    ...(start === undefined ? {} : { from: start }),
    ...(end === undefined ? {} : { to: end }),
  };
}

function positive(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new HelsekontaktError("input/invalid", `expected ${name} to be a whole number from 1, found another value`, {
    context: { field: name },
  });
}
