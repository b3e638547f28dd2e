import { type Clock, HelsekontaktError, limitTime, throwIfAborted } from "@helsekontakt/core";
import type { BatchMember, LedgerDue, LedgerRunHandle, MemberBatch, MemberSettlement } from "@helsekontakt/journal";
import type { HelsekontakterClient, MemberOutcome } from "@helsekontakt/rest-client";
import { buildMembersBundle, checkMembersBundle } from "../flows/members-bundle.ts";
import type { BatchLimits } from "./batch-limits.ts";
import { BatchSizer } from "./batch-size.ts";
import { dayAt, type RetryCalendar, withdrawalPeriod } from "./calendar.ts";
import type { Tally } from "./tally.ts";
import type { ActivityCheck, SendMembersOptions } from "./types.ts";

/** What sending needs. */
export interface SenderParts {
  readonly run: LedgerRunHandle;
  readonly client: HelsekontakterClient;
  readonly clock: Clock;
  readonly limits: BatchLimits;
  readonly calendar: RetryCalendar;
  readonly tally: Tally;
  readonly aktivsjekk: ActivityCheck | undefined;
  readonly everything: boolean;
  readonly maxFailures: number;
  readonly progress: (batchSize: number) => void;
  readonly signal: SendMembersOptions["signal"];
}

/** Calls without an answer in a row, across batches, that are no longer one member's fault. */
const failuresThatDoubt = 4;

/** Ends a run early, its open batches kept for the next one. */
export class Stopped extends Error {
  readonly reason: HelsekontaktError;

  constructor(reason: HelsekontaktError) {
    super(reason.message);
    this.reason = reason;
  }
}

/** What came of one call. */
type Called = {
  readonly ms: number;
  readonly timedOut: boolean;
  /** The lease may have run out before the call ended: another process may have sent something newer before it. */
  readonly late: boolean;
} & (
  | { readonly members: readonly MemberOutcome[]; readonly error?: undefined }
  | { readonly members?: undefined; readonly error: HelsekontaktError }
);

/** Members that are read ahead. */
const readAhead = 1_000;
/** A batch that the service fails at this often is halved. */
const failuresBeforeSplit = 3;

/** Sends a run's batches: those left open first when asked to, then everything that waits. */
export class Sender {
  readonly #parts: SenderParts;
  readonly sizer: BatchSizer;
  /** Halves, and batches that an earlier run left open. */
  readonly #queue: MemberBatch[] = [];
  /** Members, refused by themselves, while it is not known whether the service takes anything at all. */
  #doubtful: { readonly batch: MemberBatch; readonly settlement: MemberSettlement; readonly ms: number }[] = [];
  #buffer: LedgerDue[] = [];
  #exhausted = false;
  #answeredAny = false;
  /** Halves of this run: they wait in the queue, not in the ledger alone. */
  readonly #own = new Set<number>();
  #failuresInARow = 0;
  #refusalsInARow = 0;
  #taking: Promise<unknown> = Promise.resolve();

  constructor(parts: SenderParts) {
    this.#parts = parts;
    this.sizer = new BatchSizer(parts.limits);
    parts.tally.firstSize = this.sizer.size;
  }

  /** Takes the size to begin with from what earlier runs met. */
  async remember(): Promise<void> {
    const { run, tally, signal } = this.#parts;
    this.sizer.remember(await run.recent(5, signal === undefined ? {} : { signal }));
    tally.firstSize = this.sizer.size;
  }

  /** What an earlier run left open. @throws {Stopped} */
  async resume(): Promise<void> {
    const { run, tally, signal } = this.#parts;
    let after = 0;
    await this.#work(async () => {
      let batch: MemberBatch | undefined;
      do {
        [batch] = await run.openBatches(after, 1, signal === undefined ? {} : { signal });
        if (batch === undefined) return undefined;
        after = batch.id;
      } while (this.#own.has(batch.id));
      tally.resumed.batches++;
      tally.resumed.members += batch.members.length;
      return batch;
    });
  }

  /** Everything that waits. @throws {Stopped} */
  async sendDue(): Promise<void> {
    await this.#work(() => this.#nextBatch());
  }

  /** Runs as many workers as calls may be under way. The first fault ends all, after the calls under way. */
  async #work(take: () => Promise<MemberBatch | undefined>): Promise<void> {
    const { limits, signal } = this.#parts;
    let fault: unknown;
    let busy = 0;
    const woken: (() => void)[] = [];
    const wake = (): void => {
      for (const go of woken.splice(0)) go();
    };
    const worker = async (): Promise<void> => {
      for (;;) {
        if (fault !== undefined) return;
        throwIfAborted(signal);
        const batch = await this.#exclusive(async () => this.#queue.shift() ?? (await take()));
        if (batch === undefined) {
          // A call under way may still be halved.
          if (busy === 0) return;
          await new Promise<void>((go) => woken.push(go));
          continue;
        }
        busy++;
        try {
          await this.#send(batch);
        } finally {
          busy--;
          wake();
        }
      }
    };
    const guarded = async (): Promise<void> => {
      try {
        await worker();
      } catch (reason) {
        fault ??= reason;
        wake();
      }
    };
    await Promise.all(Array.from({ length: limits.parallel }, guarded));
    if (fault !== undefined) throw fault;
    await this.#settleDoubtful();
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#taking.then(work);
    this.#taking = next.catch(() => {});
    return next;
  }

  /** The next members that wait, stored as a batch. */
  async #nextBatch(): Promise<MemberBatch | undefined> {
    const { run } = this.#parts;
    const size = this.sizer.next();
    while (this.#buffer.length < size && !this.#exhausted) await this.#fill(Math.max(readAhead, size));
    const members = this.#buffer.splice(0, size);
    return members.length === 0 ? undefined : run.open(members);
  }

  async #fill(limit: number): Promise<void> {
    const { run, client, clock, everything, tally, signal } = this.#parts;
    const due = await run.peek({ limit, everything, ...(signal === undefined ? {} : { signal }) });
    if (due.length < limit) this.#exhausted = true;
    const today = dayAt(clock.now());
    const rule = client.wire.memberWithdrawal;
    const unsent: LedgerDue[] = [];
    const inactive: LedgerDue[] = [];
    const ready: LedgerDue[] = [];
    for (const member of due) {
      if (member.outcome !== undefined && member.attempts > 0) tally.retried.members++;
      if (member.change === "withdraw") {
        if (rule === "omit") unsent.push(member);
        else ready.push({ ...member, ...withdrawalPeriod(member.acked ?? member, today, rule) });
      } else if (member.outcome === "not-active") inactive.push(member);
      else ready.push(member);
    }
    // By the rule that says nothing, nothing has to be acknowledged.
    await run.settleUnsent(unsent, () => ({ outcome: "accepted" }));
    this.#buffer.push(...ready, ...(await this.#stillActive(inactive)));
  }

  /** Of those who were not active, those who may be by now. */
  async #stillActive(members: readonly LedgerDue[]): Promise<readonly LedgerDue[]> {
    const { run, aktivsjekk, calendar, clock, tally, signal } = this.#parts;
    if (aktivsjekk === undefined || members.length === 0) return members;
    const numbers = [...new Set(members.map((m) => m.person.reveal()))];
    let inactive: Set<string>;
    try {
      const { citizens } = await aktivsjekk.check(numbers, signal === undefined ? {} : { signal });
      inactive = new Set(citizens.filter((c) => c.reach === "none").map((c) => c.fnr.reveal()));
    } catch (reason) {
      throwIfAborted(signal);
      if (!(reason instanceof HelsekontaktError)) throw reason;
      // The check saves calls; without it the members are sent, and the answer tells.
      return members;
    }
    const still = members.filter((m) => inactive.has(m.person.reveal()));
    const now = clock.now();
    const settlement = (m: LedgerDue): MemberSettlement => ({
      outcome: "not-active",
      code: "aktivsjekk",
      nextRetryAt: calendar(now, m.attempts),
    });
    await run.settleUnsent(still, settlement, "check");
    tally.retried.stillInactive += still.length;
    tally.settle(still.map(settlement));
    return members.filter((m) => !inactive.has(m.person.reveal()));
  }

  /** Sends a batch until it is answered, halved or set aside. */
  async #send(first: MemberBatch): Promise<void> {
    const { run, client, limits, tally, signal, clock, maxFailures } = this.#parts;
    if (first.members.length === 0) return run.settle(first, [], { ms: 0 });
    let { timeouts, tries } = first;
    const bundle = buildMembersBundle(first.members.map(asBundled), "", client.wire);
    checkMembersBundle(bundle);
    for (;;) {
      throwIfAborted(signal);
      if (timeouts >= 2 || tries - timeouts >= failuresBeforeSplit) return this.#halve(first, timeouts >= 2);
      const { members, error, timedOut, ms, late } = await this.#call(first, bundle);
      try {
        if (members !== undefined) return await this.#answered(first, members, ms);
        const kind = timedOut ? "timeout" : kindOf(error);
        if (kind === "refused") return await this.#refused(first, error, ms);
        if (kind === "fault") throw new Stopped(error);
        await run.note(first.id, { timedOut, ms });
      } catch (reason) {
        if (late && reason instanceof HelsekontaktError && reason.code === "journal/conflict") await run.doubt(first);
        throw reason;
      }
      tries++;
      this.#failuresInARow++;
      if (timedOut) {
        timeouts++;
        tally.timeouts++;
        this.sizer.timedOut(first.members.length, timeouts > 1 && !this.#own.has(first.id));
      } else tally.failures++;
      if (this.#failuresInARow >= maxFailures)
        throw new Stopped(
          timedOut
            ? new HelsekontaktError(
                "rest/timeout",
                "expected an answer within the time limit, found none in several calls",
              )
            : error,
        );
      if (!timedOut) await clock.sleep(Math.random() * Math.min(10_000, limits.pauseMs * 2 ** (tries - 1)), signal);
    }
  }

  /** One call, right after a look at the lease. @throws {HelsekontaktError} `journal/conflict`, `abort/cancelled` */
  async #call(batch: MemberBatch, bundle: ReturnType<typeof buildMembersBundle>): Promise<Called> {
    const { run, client, limits, tally, signal, clock } = this.#parts;
    const [before, beforeMs] = [clock.now(), performance.now()];
    const heldMs = await run.hold(batch.id);
    const started = performance.now();
    const limit = limitTime(limits.timeoutMs, signal);
    tally.calls++;
    tally.sent += batch.members.length;
    const facts = () => ({
      ms: performance.now() - started,
      // Of two clocks either may have stood still or jumped.
      late: Math.max(clock.now() - before, performance.now() - beforeMs) >= heldMs,
      timedOut: limit.timedOut,
    });
    try {
      const { members } = await limit.race(client.registerMembers(bundle, { signal: limit.signal }));
      return { ...facts(), members };
    } catch (reason) {
      throwIfAborted(signal);
      const error = HelsekontaktError.from(reason);
      const found = facts();
      return { ...found, timedOut: found.timedOut || error.code === "rest/timeout", error };
    } finally {
      limit.end();
    }
  }

  async #answered(batch: MemberBatch, members: readonly MemberOutcome[], ms: number): Promise<void> {
    const { run, tally } = this.#parts;
    this.#failuresInARow = 0;
    this.#refusalsInARow = 0;
    const byIndex = new Map(members.map((m) => [m.index, m]));
    const settlements = batch.members.map((member, n) => this.#settlement(member, byIndex.get(n)));
    await run.settle(batch, settlements, { ms });
    tally.settle(settlements);
    this.#answeredAny = true;
    this.sizer.answered(batch.members.length, ms);
    tally.answered += batch.members.length;
    this.#parts.progress(this.sizer.size);
    await this.#settleDoubtful();
  }

  #settlement(member: BatchMember, found: MemberOutcome | undefined): MemberSettlement {
    const { calendar, clock } = this.#parts;
    const code = found?.codes[0] ?? found?.reason;
    const named = code === undefined ? {} : { code };
    if (found?.status === "accepted") return { outcome: "accepted" };
    if (found?.status === "rejected" && found.reason === "not-active")
      return { outcome: "not-active", ...named, nextRetryAt: calendar(clock.now(), member.attempts) };
    if (found?.status === "rejected") return { outcome: "refused", ...named };
    // Asked again in the next run; whoever is never answered for does not come every time.
    const later = member.attempts < 3 ? {} : { nextRetryAt: calendar(clock.now(), member.attempts - 3) };
    return { outcome: "unknown", code: code ?? "not-mentioned", ...later };
  }

  /** The service refuses a list as a whole: some member in it, or its length. */
  async #refused(batch: MemberBatch, error: HelsekontaktError, ms: number): Promise<void> {
    const { tally, maxFailures } = this.#parts;
    tally.failures++;
    if (error.context["httpStatus"] === 413) this.sizer.tooLong(batch.members.length);
    if (batch.members.length > 1) {
      // Each level of halves is a refusal more; then nothing is taken whatever is in it.
      if (++this.#refusalsInARow > maxFailures * 2) throw new Stopped(error);
      await this.#split(batch);
      return;
    }
    const code = error.remoteCode ?? `http-${String(error.context["httpStatus"] ?? "error")}`;
    this.#doubtful.push({ batch, settlement: { outcome: "refused", code }, ms });
    if (++this.#refusalsInARow > maxFailures * 2) throw new Stopped(error);
    if (this.#answeredAny && this.#refusalsInARow === 1) await this.#settleDoubtful();
  }

  async #settleDoubtful(): Promise<void> {
    const { run, tally } = this.#parts;
    for (const { batch, settlement, ms } of this.#doubtful.splice(0)) {
      await run.settle(batch, [settlement], { ms, setAside: true });
      tally.setAside++;
      tally.settle([settlement]);
    }
  }

  async #split(batch: MemberBatch): Promise<void> {
    const halves = await this.#parts.run.split(batch);
    for (const half of halves) this.#own.add(half.id);
    this.#queue.push(...halves);
    this.#parts.tally.splits++;
  }

  async #halve(batch: MemberBatch, slow: boolean): Promise<void> {
    const { run, tally, calendar, clock } = this.#parts;
    if (batch.members.length > 1) {
      await this.#split(batch);
      return;
    }
    if (this.#failuresInARow > failuresThatDoubt) {
      // Nothing is answered now, so it need not be this member: once more, after the others.
      this.#queue.push({ ...batch, tries: 1, timeouts: slow ? 1 : 0 });
      return;
    }
    const [member] = batch.members;
    const settlement: MemberSettlement = {
      outcome: "unknown",
      code: slow ? "no-answer" : "server-error",
      nextRetryAt: calendar(clock.now(), member?.attempts ?? 0),
    };
    await run.settle(batch, [settlement], { ms: 0, setAside: true });
    tally.setAside++;
    tally.settle([settlement]);
  }
}

function asBundled(m: BatchMember) {
  return { fnr: m.person, from: m.start, to: m.end, organisation: m.organisation };
}

/** `failed`: may pass. `refused`: the list as it is. `fault`: nothing that another try of this run helps. */
function kindOf(error: HelsekontaktError): "failed" | "refused" | "fault" {
  const status = error.context["httpStatus"];
  if (error.code === "rest/http-status" && (status === 400 || status === 409 || status === 413 || status === 422))
    return "refused";
  if (error.code === "fhir/not-valid" || error.code === "input/invalid" || error.code === "input/too-large")
    return "refused";
  if (error.code === "rest/response-invalid") return "failed";
  return error.code.startsWith("rest/") && error.retryable ? "failed" : "fault";
}
