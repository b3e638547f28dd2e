import { beforeEach, describe, expect, it } from "vitest";
import type { MemberInput, MemberInputIssue } from "../src/members/types.ts";
import { failure, useSandbox } from "./_harness.ts";

const harness = useSandbox();
const span = { from: "2026-08-01", to: "2027-07-31" };
const offering = { id: "1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a01", name: "Studenthelsetjenesten" };
// Where no call is held, none may run out of time on a busy machine.
const quick = { batch: { timeoutMs: 10_000, pauseMs: 1, start: 8 } };

const active = (count: number, skip = 0): MemberInput[] =>
  harness.sandbox.citizens
    .filter((c) => c.status === "self")
    .slice(skip, skip + count)
    .map(({ fnr }) => ({ fnr, ...span }));

async function register() {
  const running = await harness.run({ start: false });
  await running.sdk.medlemstjenester.publish([offering]);
  const { state } = harness.sandbox.rest;
  state.members.clear();
  state.calls.length = 0;
  return { ...running, register: running.sdk.members, state };
}

beforeEach(() => {
  const { behaviour } = harness.sandbox.rest.state;
  Object.assign(behaviour, {
    baseMs: 0,
    perMemberMs: 0,
    storeThenHold: 0,
    holdMs: 60_000,
    omit: () => false,
    maxMembers: 1_000,
  });
  behaviour.refuse.clear();
  behaviour.poison.clear();
});

describe("members.reconcile()", () => {
  it("sends the difference to what was acknowledged, and nothing else", async () => {
    const { register: members, state } = await register();
    const all = active(20);
    const first = await members.reconcile(all, quick);
    expect(first.changes).toEqual({ added: 20, changed: 0, withdrawn: 0, unchanged: 0, withheld: 0 });
    expect(first.results).toEqual({ accepted: 20, "not-active": 0, refused: 0, unknown: 0 });
    expect(state.members.size).toBe(20);

    const second = await members.reconcile(all, quick);
    expect(second.calls.calls).toBe(0);
    expect(second.changes.unchanged).toBe(20);

    const changed = [...all.slice(1, 19), { ...all[19]!, to: "2027-12-31" }, ...active(1, 30)];
    const third = await members.reconcile(changed, quick);
    expect(third.changes).toEqual({ added: 1, changed: 1, withdrawn: 1, unchanged: 18, withheld: 0 });
    expect(third.calls.members).toBe(3);
    expect(state.calls.reduce((n, c) => n + c.members, 0)).toBe(23);
    const gone = [...state.members.values()].find((m) => m.fnr === all[0]!.fnr);
    expect(gone!.end < "2026-12-31" && gone!.start <= gone!.end).toBe(true);
    expect([...state.members.values()].filter((m) => m.times > 1)).toEqual([]);
    expect(await members.status()).toMatchObject({ members: 20, withdrawn: 1, due: 0, openBatches: 0, running: false });

    // Who comes back is told again.
    const fourth = await members.reconcile([all[0]!, ...changed], quick);
    expect([fourth.changes.added, fourth.calls.members]).toEqual([1, 1]);
  });

  it("withdraws by the configured rule, and says which rules are only inferred", async () => {
    const { sdk, journal } = await harness.run({
      start: false,
      config: { medlemstjenester: { memberWithdrawal: "omit" } },
    });
    await sdk.medlemstjenester.publish([offering]);
    await sdk.members.reconcile(active(4), quick);
    const report = await sdk.members.reconcile(active(3), { ...quick, maxWithdrawals: 0.5 });
    expect([report.changes.withdrawn, report.calls.calls]).toEqual([1, 0]);
    expect(report.assumptions.find((a) => a.name === "memberWithdrawal")).toMatchObject({ mark: "configured" });
    expect(report.assumptions.find((a) => a.name === "bundleType")).toMatchObject({ mark: "inferred" });
    expect((await journal.ledger.status()).withdrawn).toBe(1);
  });

  it("refuses to withdraw many for a short input: nothing is sent, and the right input sets all right", async () => {
    const { register: members, state } = await register();
    const all = active(20);
    await members.reconcile(all, quick);
    const calls = state.calls.length;
    const moved = { ...all[3]!, to: "2030-01-01" };
    for (const short of [[], [moved, all[4]!]]) {
      const error = await failure(members.reconcile(short, quick));
      expect(error.code).toBe("input/invalid");
      expect(error.message).toContain("20 members");
    }
    expect((await members.retry(quick)).calls.calls).toBe(0);
    expect((await members.reconcile(all, quick)).calls.calls).toBe(0);
    expect(state.calls.length).toBe(calls);
    const consented = await members.reconcile([], { ...quick, allowWithdrawals: true });
    expect(consented.changes.withdrawn).toBe(20);
    expect((await members.status()).members).toBe(0);
  });

  it("refuses an input that puts others in everybody's place, however many they are, and takes the right one after it", async () => {
    const { register: members, state } = await register();
    const all = active(4);
    await members.reconcile(all, quick);
    const calls = state.calls.length;
    // Four of forty-four are no tenth, but they are all that there were.
    const others = active(40, 10);
    for (const dryRun of [true, false]) {
      const error = await failure(members.reconcile(others, { ...quick, dryRun }));
      expect(error.code).toBe("input/invalid");
      expect(error.context).toMatchObject({ absent: 4, members: 4 });
    }
    for (const dryRun of [true, false]) {
      const right = await members.reconcile(all, { ...quick, dryRun });
      expect(right.changes).toEqual({ added: 0, changed: 0, withdrawn: 0, unchanged: 4, withheld: 0 });
    }
    expect(state.calls.length).toBe(calls);
    expect(await members.status()).toMatchObject({ members: 4, due: 0 });
    // And some of the others, when they come with all who were there.
    const dry = await members.reconcile([...all, ...others.slice(0, 2)], { ...quick, dryRun: true });
    const both = await members.reconcile([...all, ...others.slice(0, 2)], quick);
    expect(both.changes).toEqual({ added: 2, changed: 0, withdrawn: 0, unchanged: 4, withheld: 0 });
    expect(dry.changes).toEqual(both.changes);
  });

  it("takes a delta: only what is in it changes", async () => {
    const { register: members } = await register();
    const all = active(10);
    await members.reconcile(all, quick);
    const report = await members.reconcile([{ ...all[0]!, withdrawn: true }, ...active(1, 40)], {
      ...quick,
      mode: "delta",
    });
    expect(report.changes).toEqual({ added: 1, changed: 0, withdrawn: 1, unchanged: 0, withheld: 0 });
    expect(report.calls.members).toBe(2);
  });

  it("counts in a dry run what it would do, and changes nothing", async () => {
    const { register: members, state } = await register();
    const all = active(10);
    await members.reconcile(all, quick);
    const calls = state.calls.length;
    const before = await members.status();
    const dry = await members.reconcile([...all.slice(1), ...active(2, 40), ...active(1, 40)], {
      ...quick,
      dryRun: true,
    });
    expect(dry.changes).toEqual({ added: 2, changed: 0, withdrawn: 1, unchanged: 9, withheld: 0 });
    expect(dry.input.problems).toEqual({ duplicate: 1 });
    expect(await members.status()).toEqual(before);
    expect(state.calls.length).toBe(calls);
  });

  it("numbers bad input, goes on with the good, and withdraws nobody for a line that it cannot use", async () => {
    const { register: members } = await register();
    const all = active(10);
    await members.reconcile(all, quick);
    const issues: MemberInputIssue[] = [];
    const fresh = active(1, 50)[0]!;
    const input = [
      { ...all[0]!, to: "2026-01-01" },
      { ...fresh, from: "1.8.2026" },
      { fnr: "0181801008", ...span },
      { fnr: "01010112345", ...span },
      { ...all[1]!, organisation: "123456785" },
      all[2]!,
      all[2]!,
      { ...all[2]!, to: "2029-01-01" },
      ...active(1, 51),
    ];
    const report = await members.reconcile(input, { ...quick, onIssue: (i) => issues.push(i) });
    expect(issues.map((i) => [i.line, i.problem])).toEqual([
      [1, "period"],
      [2, "date"],
      [3, "not-11-digits"],
      [4, "real-person"],
      [5, "organisation"],
      [7, "duplicate"],
      [8, "two-periods"],
    ]);
    expect(JSON.stringify(issues)).not.toMatch(/\d{10}/);
    expect(report.changes).toEqual({ added: 1, changed: 0, withdrawn: 0, unchanged: 1, withheld: 8 });
    expect(report.input).toMatchObject({ read: 9, good: 2, errors: 6, warnings: 1 });
  });

  it("halves a list that gets no answer down to the one member, sets that aside, and goes on", async () => {
    const { register: members, state } = await register();
    const all = active(16);
    const victim = all[5]!.fnr as string;
    state.behaviour.poison.add(victim);
    const report = await members.reconcile(all, { batch: { ...quick.batch, timeoutMs: 400, fixed: 16 } });
    expect(report.results).toEqual({ accepted: 15, "not-active": 0, refused: 0, unknown: 1 });
    expect(report.calls).toMatchObject({ timeouts: 10, splits: 4, setAside: 1 });
    const [state1] = await members.explain(victim);
    expect(state1).toMatchObject({ result: "unknown", code: "no-answer", pending: "add" });
    expect(state1!.nextRetryAt).toBeGreaterThan(Date.now());
    state.behaviour.poison.clear();
    expect((await members.retry(quick)).calls.calls).toBe(0);
    expect((await members.retry({ ...quick, everything: true })).results.accepted).toBe(1);
  });

  it("finds the member for whom a list is refused as a whole", async () => {
    const { register: members, state } = await register();
    state.behaviour.maxMembers = 3;
    const report = await members.reconcile(active(10), { batch: { ...quick.batch, start: 10 } });
    expect(report.results.accepted).toBe(10);
    expect(report.calls.splits).toBeGreaterThan(0);
    expect(Math.max(...state.calls.map((c) => c.members))).toBeLessThanOrEqual(3);
  });

  it("stops where the service is down, and goes on from there", async () => {
    const { register: members, state } = await register();
    harness.sandbox.faults.add("helsekontakter", { kind: "status", status: 503 }, 4);
    const down = await members.reconcile(active(10), { ...quick, maxFailures: 4 });
    expect(down.stopped?.code).toBe("rest/unavailable");
    const open = await members.status();
    expect([open.openBatches > 0, open.lastRun?.state]).toEqual([true, "stopped"]);
    const up = await members.retry(quick);
    expect([up.results.accepted, up.resumed.batches > 0]).toEqual([10, true]);
    expect([...state.members.values()].every((m) => m.times === 1)).toBe(true);
  });

  it("resends a list whose answer was lost, with what it held", async () => {
    const { register: members, state } = await register();
    state.behaviour.storeThenHold = 1;
    const report = await members.reconcile(active(6), { batch: { ...quick.batch, timeoutMs: 400 } });
    expect(report.results.accepted).toBe(6);
    expect(report.calls).toMatchObject({ calls: 2, timeouts: 1, splits: 0 });
    expect(state.calls.map((c) => c.members)).toEqual([6, 6]);
  });

  it("keeps who is not active for the calendar, and asks AktivSjekken before sending again", async () => {
    const { sdk, journal, register: members, state } = await register();
    const absent = harness.citizen("none");
    const input = [...active(3), { fnr: absent.fnr, ...span }];
    const first = await members.reconcile(input, { ...quick, retryDays: [0] });
    expect(first.results).toMatchObject({ accepted: 3, "not-active": 1 });
    expect(first.reasons).toEqual([{ result: "not-active", code: "2118", members: 1 }]);
    const calls = state.calls.length;
    const again = await members.reconcile(input, { ...quick, retryDays: [0], aktivsjekk: sdk.aktivsjekk });
    expect(again.retried).toEqual({ members: 1, stillInactive: 1 });
    expect(state.calls.length).toBe(calls);
    harness.sandbox.setStatus(absent.fnr, "self");
    const now = await members.retry({ ...quick, aktivsjekk: sdk.aktivsjekk });
    harness.sandbox.setStatus(absent.fnr, "none");
    expect(now.results.accepted).toBe(1);
    const [found] = await members.explain(absent.fnr);
    expect(found?.events.map((e) => [e.change, e.result])).toEqual([
      ["add", "not-active"],
      ["check", "not-active"],
      ["add", "accepted"],
    ]);
    expect(JSON.stringify(found)).not.toContain(absent.fnr);
    expect((await members.explain(found!.id)).length).toBe(1);
    expect((await journal.members.get(found!.id)).status).toBe("active");
  });

  it("keeps refusals with their code, and does not send them again by itself", async () => {
    const { register: members, state } = await register();
    const all = active(5);
    state.behaviour.refuse.set(all[2]!.fnr as string, "2120");
    const report = await members.reconcile(all, quick);
    expect(report.reasons).toEqual([{ result: "refused", code: "2120", members: 1 }]);
    expect((await members.reconcile(all, quick)).calls.calls).toBe(0);
    state.behaviour.refuse.clear();
    expect((await members.retry({ ...quick, everything: true })).results.accepted).toBe(1);
  });

  it("asks again for whom an answer does not mention", async () => {
    const { register: members, state } = await register();
    const all = active(5);
    state.behaviour.omit = (fnr) => fnr === all[1]!.fnr;
    expect((await members.reconcile(all, quick)).results).toMatchObject({ accepted: 4, unknown: 1 });
    state.behaviour.omit = () => false;
    const next = await members.reconcile(all, quick);
    expect([next.calls.members, next.results.accepted]).toEqual([1, 1]);
  });

  it("grows its lists while answers are quick, never above the cap, and shrinks them when they are slow", async () => {
    const { register: members, state } = await register();
    const report = await members.reconcile(active(80), { batch: { start: 2, max: 16 } });
    expect(report.batchSize).toMatchObject({ first: 2, largest: 16, cap: 16 });
    state.calls.length = 0;
    state.behaviour.perMemberMs = 10;
    const moved = active(80).map((m) => ({ ...m, to: "2028-01-01" }));
    const slow = await members.reconcile(moved, {
      batch: { start: 40, max: 40, timeoutMs: 5_000, targetMs: 150, pauseMs: 1 },
    });
    expect(slow.results.accepted).toBe(80);
    expect(slow.batchSize.last).toBeLessThan(20);
  });

  it("lets one run at a time onto the register, and ends when the caller cancels", async () => {
    const { sdk, journal, register: members } = await register();
    const abort = new AbortController();
    async function* slowInput() {
      yield* active(3);
      expect((await failure(sdk.members.retry())).code).toBe("journal/conflict");
      expect((await members.status()).running).toBe(true);
      abort.abort();
      yield* active(3, 3);
    }
    expect((await failure(members.reconcile(slowInput(), { ...quick, signal: abort.signal }))).code).toBe(
      "abort/cancelled",
    );
    expect((await members.status()).running).toBe(false);
    expect((await members.retry(quick)).calls.calls).toBe(0);
    expect((await members.reconcile(active(6), quick)).results.accepted).toBe(6);
    expect((await journal.ledger.status()).openBatches).toBe(0);
  });

  it("streams what became of each member in a run, without numbers", async () => {
    const { register: members } = await register();
    const { run } = await members.reconcile([...active(3), { fnr: harness.citizen("none").fnr, ...span }], quick);
    const found = [];
    for await (const member of members.members({ run })) found.push(member);
    expect(found.map((m) => m.result).sort()).toEqual(["accepted", "accepted", "accepted", "not-active"]);
    expect(JSON.stringify(found)).not.toMatch(/"\d{11}"/);
  });

  it.each([{ batch: { max: 0 } }, { maxFailures: 0 }, { retryDays: [] }, { maxWithdrawals: 2 }])(
    "refuses options that are none: %o",
    async (options) => {
      const { register: members } = await register();
      expect((await failure(members.reconcile([], options))).code).toBe("input/invalid");
    },
  );
});
