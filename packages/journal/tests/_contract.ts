// Over 400 lines: one contract, case by case, which both engines run as it is.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type Clock, HelsekontaktError, Personal } from "@helsekontakt/core";
import {
  type ApplicationEvent,
  applicationTable,
  type InboxClaim,
  inboxTable,
  type Journal,
  type JournalOptions,
  type OutboxClaim,
  type OutboxMessage,
  openJournal,
  type ReceiptOutcome,
  receiptRules,
  type Store,
  type TransportEvent,
  type TransportState,
  transportTable,
} from "../src/index.ts";
import { payloadCases } from "./_contract-payloads.ts";
import { statementCases } from "./_contract-statements.ts";

// One long file: a single list that every engine runs from first to last.

/** One case of the contract that both engines keep; it opens the store as often as it has processes. */
export interface ContractCase {
  readonly name: string;
  run(bench: Bench): Promise<void>;
}

/** A fresh store and a clock that stands still until moved. */
/** A case opens its store a second time, and this one is gone with the process that holds it. */
export class NeedsLastingStore extends Error {}

export class Bench {
  readonly clock: Clock & { time: number };
  readonly #store: () => Store;
  readonly #lasting: boolean;
  readonly #open: Journal[] = [];

  /** @param lasting - false for a store that only one journal can open, once. */
  constructor(store: () => Store, lasting = true) {
    this.#store = store;
    this.#lasting = lasting;
    this.clock = { time: 1_800_000_000_000, now: () => this.clock.time, sleep: async () => {} };
  }

  async open(options: Partial<JournalOptions> = {}): Promise<Journal> {
    if (!this.#lasting && this.#open.length > 0) throw new NeedsLastingStore();
    const journal = await openJournal({ store: this.#store(), clock: this.clock, ...options });
    this.#open.push(journal);
    return journal;
  }

  async close(): Promise<void> {
    for (const journal of this.#open) await journal.close();
  }
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export function message(more: Partial<OutboxMessage> = {}): OutboxMessage {
  return { kind: "DIALOG_X", from: "100", to: "200", payload: text("<m/>"), ...more };
}

async function code(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (reason) {
    assert.ok(reason instanceof HelsekontaktError, `expected our error, found ${String(reason)}`);
    return (reason as HelsekontaktError).code;
  }
  return "none";
}

async function claimOne(journal: Journal, owner = "a"): Promise<OutboxClaim> {
  const [claim] = await journal.outbox.claim({ owner, limit: 1 });
  assert.ok(claim, "expected a claim");
  return claim;
}

const people = ["01818010083", "01818010164", "17851360018", "41818010077"].map((n) => new Personal(n));
const [ann, bo, cy, di] = people as [Personal, Personal, Personal, Personal];

/** Brings a new message to a pair of states by the public operations only; undefined when no way leads there. */
async function reach(bench: Bench, journal: Journal, transport: TransportState, application: string): Promise<string> {
  const expects = application !== "none";
  const msgId = randomBytes(8).toString("hex");
  const { id } = await journal.outbox.enqueue(message({ msgId, expectsReceipt: expects, receiptWithinMs: 1_000 }));
  const answer = async (accepted: boolean): Promise<void> => {
    await journal.receipts.record({ receiptId: `r-${id}`, originalMsgId: msgId, from: "200", accepted });
  };
  if (application === "none" || application === "awaiting") {
    if (transport === "queued") return id;
    const claim = await claimOne(journal);
    if (transport === "sent") await journal.outbox.markSent(claim);
    if (transport === "failed" || transport === "dropped")
      await journal.outbox.markFailed(claim, { reason: "amqp/rejected", retry: "never" });
    if (transport === "dropped") await journal.outbox.drop(id, "operator/dropped");
    return id;
  }
  await journal.outbox.markSent(await claimOne(journal));
  if (application === "overdue") {
    bench.clock.time += 2_000;
    assert.ok((await journal.receipts.overdue()).some((e) => e.id === id));
    if (transport === "failed") await journal.outbox.reportUndeliverable(id, "transport:invalid-signature");
    if (transport === "queued" || transport === "sending") throw new Error("unreachable pair");
    return id;
  }
  await answer(application === "accepted");
  return id;
}

export const contractCases: readonly ContractCase[] = [
  ...payloadCases,
  ...statementCases,
  {
    name: "outbox: a message is durable, claimed, sent and settled",
    async run(bench) {
      const journal = await bench.open();
      const payload = randomBytes(5_000);
      const { id, duplicate } = await journal.outbox.enqueue(message({ payload, properties: { queue: "q" } }));
      assert.equal(duplicate, false);
      const other = await bench.open();
      assert.deepEqual(Buffer.from((await other.outbox.payload(id)) ?? []), payload);
      const claim = await claimOne(journal);
      assert.equal(claim.id, id);
      assert.equal(claim.messageId, id);
      assert.deepEqual(claim.properties, { queue: "q" });
      assert.deepEqual(Buffer.from(claim.payload), payload);
      assert.equal((await other.outbox.claim({ owner: "b" })).length, 0);
      const sent = await journal.outbox.markSent(claim);
      assert.deepEqual([sent.transport, sent.application, sent.attempts], ["sent", "none", 1]);
      assert.equal((await other.outbox.wait(id)).transport, "sent");
    },
  },
  {
    name: "outbox: the same id with the same payload is a duplicate, with another a conflict",
    async run(bench) {
      const journal = await bench.open({ key: { id: "k1", secret: randomBytes(32) } });
      const one = message({ messageId: "id-1" });
      assert.deepEqual(await journal.outbox.enqueue(one), { id: "id-1", duplicate: false });
      assert.deepEqual(await journal.outbox.enqueue(one), { id: "id-1", duplicate: true });
      assert.equal(await code(journal.outbox.enqueue({ ...one, payload: text("other") })), "journal/conflict");
      assert.equal((await journal.outbox.list()).length, 1);
    },
  },
  {
    name: "outbox: concurrent sends are all stored, and a bad one fails alone",
    async run(bench) {
      const journal = await bench.open();
      await journal.outbox.enqueue(message({ messageId: "taken" }));
      const results = await Promise.allSettled(
        Array.from({ length: 300 }, (_, i) =>
          journal.outbox.enqueue(
            message(i === 150 ? { messageId: "taken", payload: text("x") } : { messageId: `m${i}` }),
          ),
        ),
      );
      assert.equal(results.filter((r) => r.status === "rejected").length, 1);
      const seen = new Set<string>();
      for (let after: string | undefined; ; ) {
        const page = await journal.outbox.list({ limit: 100, ...(after === undefined ? {} : { after }) });
        for (const entry of page) seen.add(entry.id);
        after = page.at(-1)?.id;
        if (after === undefined) break;
      }
      assert.equal(seen.size, 300);
    },
  },
  {
    name: "outbox: messages of one key leave in order, one at a time; others are not held up",
    async run(bench) {
      const journal = await bench.open();
      for (const [messageId, key] of [
        ["a1", "a"],
        ["a2", "a"],
        ["b1", "b"],
        ["c1", undefined],
        ["c2", undefined],
      ] as const)
        await journal.outbox.enqueue(message({ messageId, ...(key === undefined ? {} : { key }) }));
      const first = await journal.outbox.claim({ owner: "x", limit: 10 });
      assert.deepEqual(
        first.map((c) => c.id),
        ["a1", "b1", "c1", "c2"],
      );
      assert.deepEqual(await journal.outbox.claim({ owner: "y" }), []);
      const [a1] = first as [OutboxClaim];
      await journal.outbox.markFailed(a1, { reason: "amqp/released", retry: bench.clock.time + 500 });
      assert.deepEqual(await journal.outbox.claim({ owner: "y" }), []);
      bench.clock.time += 500;
      const again = await claimOne(journal, "y");
      assert.deepEqual([again.id, again.attempts, again.reason], ["a1", 2, "amqp/released"]);
      await journal.outbox.markSent(again);
      assert.equal((await claimOne(journal, "y")).id, "a2");
    },
  },
  {
    name: "outbox: a lapsed lease is taken over under the same id, and the first holder is fenced off",
    async run(bench) {
      const one = await bench.open();
      const two = await bench.open();
      await one.outbox.enqueue(message({ messageId: "m" }));
      const [stale] = (await one.outbox.claim({ owner: "one", leaseMs: 1_000 })) as [OutboxClaim];
      bench.clock.time += 999;
      assert.equal((await two.outbox.claim({ owner: "two" })).length, 0);
      const renewed = await one.outbox.renew(stale, { leaseMs: 1_000 });
      bench.clock.time += 999;
      assert.equal((await two.outbox.claim({ owner: "two" })).length, 0);
      bench.clock.time += 1;
      const taken = await claimOne(two, "two");
      assert.deepEqual([taken.messageId, taken.attempts], ["m", 2]);
      assert.equal(await code(one.outbox.markSent(renewed)), "journal/conflict");
      assert.equal(await code(one.outbox.renew(renewed)), "journal/conflict");
      assert.equal(await code(one.outbox.release(renewed)), "journal/conflict");
      assert.equal((await two.outbox.markSent(taken)).transport, "sent");
      assert.equal(await code(two.outbox.markSent(taken)), "journal/conflict");
    },
  },
  {
    name: "outbox: a hold is confirmed right before the send, kept by itself, and lost with the claim",
    async run(bench) {
      const one = await bench.open();
      const two = await bench.open();
      await one.outbox.enqueue(message({ messageId: "m" }));
      const [claim] = (await one.outbox.claim({ owner: "one", leaseMs: 60_000 })) as [OutboxClaim];
      const hold = one.outbox.hold(claim, { leaseMs: 60_000 });
      assert.equal(hold.isHeld(), false, "nothing is held before it was asked");
      await hold.confirm();
      assert.equal(hold.isHeld(), true);
      // More than half is gone: confirming prolongs.
      bench.clock.time += 40_000;
      await hold.confirm();
      bench.clock.time += 40_000;
      assert.deepEqual(await two.outbox.claim({ owner: "two" }), []);
      bench.clock.time += 20_000;
      const taken = await claimOne(two, "two");
      assert.equal(taken.fence, claim.fence + 1);
      assert.equal(hold.lost.aborted, false);
      assert.equal(await code(hold.confirm()), "journal/conflict");
      assert.deepEqual([hold.lost.aborted, hold.isHeld()], [true, false]);
      hold.end();
      const other = two.outbox.hold(taken, { leaseMs: 60_000 });
      await other.confirm();
      await two.outbox.markSent(taken);
      assert.equal(await code(other.confirm()), "journal/conflict");
      other.end();
      assert.equal(other.isHeld(), false);
    },
  },
  {
    name: "outbox: a hold runs out by the steady clock when its process could not renew it",
    async run(bench) {
      const journal = await bench.open();
      await journal.outbox.enqueue(message({ messageId: "m" }));
      const [claim] = (await journal.outbox.claim({ owner: "one", leaseMs: 200 })) as [OutboxClaim];
      const hold = journal.outbox.hold(claim, { leaseMs: 200 });
      await hold.confirm();
      assert.equal(hold.isHeld(), true);
      // What a stopped process is like: no timer runs.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      assert.equal(hold.isHeld(), false);
      hold.end();
    },
  },
  {
    name: "outbox: a claim that was given back and taken again does not revive the first one",
    async run(bench) {
      const journal = await bench.open();
      await journal.outbox.enqueue(message({ messageId: "m" }));
      const first = await claimOne(journal);
      await journal.outbox.release(first);
      const second = await claimOne(journal);
      assert.deepEqual([second.attempts, second.owner], [first.attempts, first.owner]);
      assert.equal(await code(journal.outbox.markSent(first)), "journal/conflict");
      assert.equal((await journal.outbox.markSent(second)).transport, "sent");
      const base = { messageId: "i", kind: "D", from: "200", to: "100", payload: text("x") };
      const found = await journal.inbox.accept(base, { claim: { owner: "a" } });
      assert.ok(found.outcome === "new" && found.claim);
      await journal.inbox.quarantine(found.claim, "x");
      await journal.inbox.requeue(found.claim.id);
      const [again] = (await journal.inbox.claim({ owner: "a" })) as [InboxClaim];
      assert.equal(again.tries, found.claim.tries);
      assert.equal(await code(journal.inbox.handled(found.claim)), "journal/conflict");
      assert.equal((await journal.inbox.handled(again)).state, "handled");
    },
  },
  {
    name: "outbox: poison is set aside after bounded tries, holds nothing up, and is retried or dropped by an operator",
    async run(bench) {
      const journal = await bench.open({ maxSendTries: 3, maxTries: 2 });
      for (const messageId of ["failing", "behind", "other"])
        await journal.outbox.enqueue(message({ messageId, ...(messageId === "other" ? {} : { key: "k" }) }));
      const claims = async (): Promise<string[]> =>
        (await journal.outbox.claim({ owner: "a" })).map((claim) => claim.id);
      for (let i = 0; i < 3; i++) {
        const [failing, ...others] = (await journal.outbox.claim({ owner: "a" })) as [OutboxClaim, ...OutboxClaim[]];
        for (const other of others) await journal.outbox.markSent(other);
        const entry = await journal.outbox.markFailed(failing, { reason: "registry/unavailable", retry: "backoff" });
        assert.equal(entry.transport, i < 2 ? "queued" : "failed");
        bench.clock.time += 600_000;
      }
      assert.deepEqual(await claims(), ["behind"]);
      // Its sender ends with it, twice.
      bench.clock.time += 60_000;
      assert.deepEqual(await claims(), ["behind"]);
      bench.clock.time += 60_000;
      assert.deepEqual(await claims(), []);
      const aside = await journal.outbox.list({ transport: "failed" });
      assert.deepEqual(
        aside.map((e) => [e.id, e.reason]),
        [
          ["failing", "registry/unavailable"],
          ["behind", "message/tries-exhausted"],
        ],
      );
      await journal.outbox.resend("failing");
      const again = await claimOne(journal);
      const entry = await journal.outbox.markFailed(again, { reason: "registry/unavailable", retry: "backoff" });
      assert.equal(entry.transport, "queued", "its tries begin anew");
      const dropped = await journal.outbox.drop("behind", "operator/dropped");
      assert.deepEqual([dropped.transport, dropped.reason], ["dropped", "operator/dropped"]);
      assert.equal(await journal.outbox.payload("behind"), undefined);
      assert.equal((await journal.outbox.wait("behind")).transport, "dropped");
      assert.equal(await code(journal.outbox.resend("behind")), "journal/conflict");
    },
  },
  {
    name: "outbox: competing processes never hold the same message",
    async run(bench) {
      const journals = await Promise.all([bench.open(), bench.open(), bench.open()]);
      const [first] = journals as [Journal, ...Journal[]];
      for (let i = 0; i < 60; i++) await first.outbox.enqueue(message({ messageId: `m${i}`, key: `k${i % 20}` }));
      const order = new Map<string, number[]>();
      let sent = 0;
      await Promise.all(
        journals.map(async (journal, n) => {
          for (let idle = 0; idle < 40 && sent < 60; ) {
            const claims = await journal.outbox.claim({ owner: `p${n}`, limit: 5 });
            idle = claims.length === 0 ? idle + 1 : 0;
            for (const claim of claims) {
              await journal.outbox.markSent(claim);
              sent++;
              order.set(claim.key ?? "", [...(order.get(claim.key ?? "") ?? []), Number(claim.id.slice(1))]);
            }
          }
        }),
      );
      assert.equal(sent, 60);
      for (const numbers of order.values())
        assert.deepEqual(
          numbers,
          [...numbers].sort((a, b) => a - b),
        );
    },
  },
  {
    name: "outbox: a clock that was wrong for a while keeps nothing waiting after it has been set back",
    async run(bench) {
      const one = await bench.open();
      const two = await bench.open();
      const right = bench.clock.time;
      const ahead = 6 * 3_600_000;
      for (const messageId of ["failed", "held", "released"]) await one.outbox.enqueue(message({ messageId }));
      await one.outbox.enqueue(message({ messageId: "later", notBefore: right + 60_000 }));
      bench.clock.time += ahead;
      const claims = await one.outbox.claim({ owner: "one", leaseMs: 5_000 });
      const [failed, held, released, later] = claims as [OutboxClaim, OutboxClaim, OutboxClaim, OutboxClaim];
      await one.outbox.markFailed(failed, { reason: "amqp/released", retry: "backoff" });
      await one.outbox.release(released);
      await one.outbox.release(later);
      bench.clock.time = right + 10;
      const due = await two.outbox.claim({ owner: "two", leaseMs: 5_000 });
      assert.deepEqual(due.map((c) => c.id).sort(), ["failed", "held", "released"], "not before its time: later");
      assert.equal(await code(one.outbox.markSent(held)), "journal/conflict", "it is fenced off");
      // What is claimed by a clock that is right is left alone, and so is what waits for its next try.
      const [again] = due as [OutboxClaim];
      await two.outbox.markFailed(again, { reason: "amqp/released", retry: "backoff" });
      assert.deepEqual(await one.outbox.claim({ owner: "one" }), []);
      bench.clock.time -= 900;
      assert.deepEqual(await one.outbox.claim({ owner: "one" }), [], "set back by less than a lease is long");
    },
  },
  {
    name: "outbox: a hold that a wrong clock had prolonged is no longer than a lease when the clock is right again",
    async run(bench) {
      const one = await bench.open();
      const two = await bench.open();
      await one.outbox.enqueue(message({ messageId: "m" }));
      const claim = await claimOne(one);
      const hold = one.outbox.hold(claim, { leaseMs: 60_000 });
      bench.clock.time += 6 * 3_600_000;
      await hold.confirm();
      bench.clock.time -= 6 * 3_600_000;
      await hold.confirm();
      assert.deepEqual(await two.outbox.claim({ owner: "two" }), [], "it is held by the right time");
      bench.clock.time += 60_000;
      assert.equal((await claimOne(two, "two")).fence, claim.fence + 1);
      hold.end();
    },
  },
  {
    name: "outbox: released claims are untried, cancelled messages are given up, not-before is kept",
    async run(bench) {
      const journal = await bench.open();
      await journal.outbox.enqueue(message({ messageId: "m", notBefore: bench.clock.time + 10 }));
      assert.deepEqual(await journal.outbox.claim({ owner: "a" }), []);
      bench.clock.time += 10;
      const back = await journal.outbox.release(await claimOne(journal));
      assert.deepEqual([back.transport, back.attempts], ["queued", 0]);
      const cancelled = await journal.outbox.cancel("m", "abort/cancelled");
      assert.deepEqual([cancelled.transport, cancelled.reason], ["failed", "abort/cancelled"]);
      assert.equal(await code(journal.outbox.cancel("m", "abort/cancelled")), "journal/conflict");
      assert.equal(await code(journal.outbox.cancel("none", "abort/cancelled")), "journal/not-found");
      assert.equal(await journal.outbox.get("none"), undefined);
    },
  },
  {
    name: "outbox: after an error report it goes again under a new AMQP id and the old MsgId",
    async run(bench) {
      const journal = await bench.open();
      await journal.outbox.enqueue(message({ messageId: "m", msgId: "h", expectsReceipt: true }));
      assert.equal(await journal.outbox.reportUndeliverable("m", "transport:invalid-signature"), undefined);
      await journal.outbox.markSent(await claimOne(journal));
      const failed = await journal.outbox.reportUndeliverable("m", "transport:invalid-signature");
      assert.deepEqual([failed?.transport, failed?.reason], ["failed", "transport:invalid-signature"]);
      const again = await journal.outbox.resend("m", { messageId: "m2" });
      assert.deepEqual([again.id, again.messageId, again.msgId, again.transport], ["m", "m2", "h", "queued"]);
      const claim = await claimOne(journal);
      assert.equal(claim.messageId, "m2");
      await journal.outbox.markSent(claim);
      // The queue hands a report out at least once: the old sending's says nothing of the new one.
      assert.equal((await journal.outbox.reportUndeliverable("m", "transport:invalid-signature"))?.transport, "sent");
      const { outcome } = await journal.receipts.record({
        receiptId: "r",
        originalMsgId: "h",
        from: "200",
        accepted: true,
      });
      assert.equal(outcome, "accepted");
      assert.equal((await journal.outbox.get("m2"))?.application, "accepted");
    },
  },
  {
    name: "outbox: a message that its receiver reported goes again under a new id, one that never left under its own",
    async run(bench) {
      const journal = await bench.open();
      const reported = await reach(bench, journal, "sent", "awaiting");
      const before = (await journal.outbox.get(reported))?.messageId ?? "";
      await journal.outbox.reportUndeliverable(before, "transport:invalid-field-value");
      await journal.setAside.retry("outbox", reported);
      const again = await claimOne(journal);
      assert.equal(again.id, reported);
      assert.match(again.messageId, /^[0-9a-f-]{36}$/);
      assert.notEqual(again.messageId, before);
      await journal.outbox.markSent(again);
      const refused = await reach(bench, journal, "failed", "none");
      const own = (await journal.outbox.get(refused))?.messageId;
      assert.equal((await journal.outbox.resend(refused)).messageId, own);
    },
  },
  {
    name: "outbox: an overdue message goes again once, never twice",
    async run(bench) {
      const journal = await bench.open();
      const id = await reach(bench, journal, "sent", "overdue");
      assert.equal((await journal.outbox.resend(id)).application, "awaiting");
      await journal.outbox.markSent(await claimOne(journal));
      bench.clock.time += 2_000;
      assert.deepEqual(
        (await journal.receipts.overdue()).map((e) => e.id),
        [id],
      );
      assert.equal(await code(journal.outbox.resend(id)), "journal/conflict");
    },
  },
  {
    name: "outbox: wait ends with the answer, with the deadline, with failure, or with the caller's signal",
    async run(bench) {
      const journal = await bench.open();
      const other = await bench.open();
      await journal.outbox.enqueue(message({ messageId: "m", msgId: "h", expectsReceipt: true }));
      const here = journal.outbox.wait("m", { pollMs: 60_000 });
      const there = other.outbox.wait("m", { pollMs: 5 });
      const stop = new AbortController();
      const cancelled = code(journal.outbox.wait("m", { signal: stop.signal }));
      stop.abort();
      assert.equal(await cancelled, "abort/cancelled");
      await journal.outbox.markSent(await claimOne(journal));
      await journal.receipts.record({
        receiptId: "r",
        originalMsgId: "h",
        from: "200",
        accepted: false,
        errors: [{ code: "E35" }],
      });
      assert.equal((await here).application, "rejected");
      assert.equal((await there).application, "rejected");
      assert.equal(await code(journal.outbox.wait("none")), "journal/not-found");
      const id = await reach(bench, journal, "sent", "overdue");
      assert.equal((await journal.outbox.wait(id)).application, "overdue");
    },
  },
  {
    name: "states: every pair of transport state and event does what the table says",
    async run(bench) {
      const journal = await bench.open();
      for (const state of Object.keys(transportTable) as TransportState[])
        for (const event of Object.keys(transportTable[state]) as TransportEvent[]) {
          const overdue = event === "resend-overdue" && state === "sent";
          const id = await reach(bench, journal, state, overdue ? "overdue" : "awaiting");
          const held = (await journal.outbox.get(id)) as NonNullable<Awaited<ReturnType<typeof journal.outbox.get>>>;
          const claim: OutboxClaim = { ...held, payload: text(""), owner: "a", leaseUntil: 0 };
          const perform: Record<TransportEvent, () => Promise<unknown>> = {
            claim: async () => {
              bench.clock.time += 61_000;
              const claims = await journal.outbox.claim({ owner: "b", limit: 1_000 });
              if (!claims.some((c) => c.id === id)) throw new HelsekontaktError("journal/conflict", "not claimed");
            },
            sent: () => journal.outbox.markSent(claim),
            retry: () => journal.outbox.markFailed(claim, { reason: "amqp/released", retry: "backoff" }),
            release: () => journal.outbox.release(claim),
            fail: () =>
              state === "queued"
                ? journal.outbox.cancel(id, "abort/cancelled")
                : journal.outbox.markFailed(claim, { reason: "amqp/rejected", retry: "never" }),
            report: () => journal.outbox.reportUndeliverable(id, "transport:x"),
            receipt: () =>
              journal.receipts.record({
                receiptId: `r${id}`,
                originalMsgId: held.msgId ?? "",
                from: "200",
                accepted: true,
              }),
            resend: () => journal.outbox.resend(id),
            "resend-overdue": () => journal.outbox.resend(id),
            drop: () => journal.outbox.drop(id, "operator/dropped"),
          };
          // A message that was never tried has no answer and no report to get; and `resend` of a state is one of the two.
          if (state === "queued" && (event === "report" || event === "receipt")) {
            await journal.outbox.markFailed(await claimOne(journal), {
              reason: "amqp/timeout",
              retry: bench.clock.time + 1,
            });
          }
          // `resend` of a failed or dropped message is one event, that of an overdue one the other.
          if (event === "resend-overdue" && (state === "failed" || state === "dropped")) continue;
          const cell = transportTable[state][event];
          assert.equal(await code(perform[event]()), cell === null ? "journal/conflict" : "none", `${state} ${event}`);
          assert.equal((await journal.outbox.get(id))?.transport, cell?.to ?? state, `${state} ${event}`);
          await drop(journal, id);
        }
    },
  },
  {
    name: "states: every pair of application state and event does what the table says",
    async run(bench) {
      const journal = await bench.open();
      for (const state of Object.keys(applicationTable) as (keyof typeof applicationTable)[])
        for (const event of Object.keys(applicationTable[state]) as ApplicationEvent[]) {
          // `resend` is of a failed message, the deadline of a sent one.
          const failed = event === "resend" && state !== "accepted" && state !== "rejected";
          const id = await reach(bench, journal, failed ? "failed" : "sent", state);
          const entry = await journal.outbox.get(id);
          const record = (accepted: boolean) => async (): Promise<string> => {
            const facts = { receiptId: `x${id}`, originalMsgId: entry?.msgId ?? "", from: "200", accepted };
            return (await journal.receipts.record(facts)).outcome;
          };
          const perform: Record<ApplicationEvent, () => Promise<unknown>> = {
            "receipt-accepted": record(true),
            "receipt-rejected": record(false),
            deadline: async () => {
              bench.clock.time += 2_000;
              const late = await journal.receipts.overdue();
              if (!late.some((e) => e.id === id)) throw new HelsekontaktError("journal/conflict", "not overdue");
            },
            resend: () => journal.outbox.resend(id),
            "resend-overdue": () => journal.outbox.resend(id),
          };
          const cell = applicationTable[state][event];
          const name = `${state} ${event}`;
          if (event === "receipt-accepted" || event === "receipt-rejected")
            assert.equal(await perform[event](), cell?.outcome, name);
          else assert.equal(await code(perform[event]()), cell === null ? "journal/conflict" : "none", name);
          assert.equal((await journal.outbox.get(id))?.application, cell?.to ?? state, name);
          await drop(journal, id);
        }
    },
  },
  {
    name: "receipts: known by MsgId and receiver, once; anything else is unknown",
    async run(bench) {
      const journal = await bench.open();
      await journal.outbox.enqueue(message({ messageId: "m", msgId: "h", expectsReceipt: true }));
      const facts = { receiptId: "r", originalMsgId: "h", from: "200", accepted: true };
      assert.equal((await journal.receipts.record(facts)).outcome, "unknown", "never tried");
      await journal.outbox.markSent(await claimOne(journal));
      assert.equal((await journal.receipts.record({ ...facts, from: "300" })).outcome, "unknown", "another party");
      assert.equal(
        (await journal.receipts.record({ ...facts, originalMsgId: "z", receiptId: "q" })).outcome,
        "unknown",
      );
      assert.equal((await journal.receipts.record(facts)).outcome, "accepted", "known by now");
      assert.equal((await journal.receipts.record(facts)).outcome, "duplicate", "redelivered");
      const twice = { ...facts, receiptId: "r2" };
      assert.equal((await journal.receipts.record(twice)).outcome, "duplicate", "a second AppRec");
      const contrary = { ...twice, receiptId: "r3", accepted: false, errors: [{ code: "X99", text: "free text" }] };
      const { outcome, message: after } = await journal.receipts.record(contrary);
      assert.deepEqual([outcome, after?.application], ["error-after-accepted", "accepted"]);
      const list = await journal.receipts.list("m");
      assert.deepEqual(
        list.map((r) => r.outcome),
        ["accepted", "duplicate", "error-after-accepted"],
      );
      assert.deepEqual(list[2]?.errors, [{ code: "X99", text: "free text" }]);
      assert.deepEqual(
        (await journal.receipts.unknown()).map((r) => r.originalMsgId),
        ["h", "z"],
      );
    },
  },
  {
    name: "receipts: an id that was used before, for another answer or another message, makes no duplicate",
    async run(bench) {
      const journal = await bench.open();
      for (const id of ["a", "b"]) {
        await journal.outbox.enqueue(message({ messageId: id, msgId: `h-${id}`, expectsReceipt: true }));
        await journal.outbox.markSent(await claimOne(journal));
      }
      const facts = { receiptId: "r", originalMsgId: "h-a", from: "200", accepted: true };
      const turned = { ...facts, accepted: false, errors: [{ code: "X99" }] };
      const other = { ...facts, originalMsgId: "h-b" };
      const outcomes: unknown[] = [];
      for (const each of [facts, turned, other, facts, turned, other])
        outcomes.push((await journal.receipts.record(each)).outcome);
      assert.deepEqual(outcomes, [
        "accepted",
        "error-after-accepted",
        "accepted",
        "duplicate",
        "duplicate",
        "duplicate",
      ]);
      assert.deepEqual(
        (await journal.receipts.list("a")).map((r) => [r.receiptId.slice(0, 7), r.accepted]),
        [
          ["r", true],
          ["sha256:", false],
        ],
      );
      assert.equal((await journal.outbox.get("b"))?.application, "accepted");
    },
  },
  ...(Object.keys(receiptRules) as ReceiptOutcome[]).map(
    (outcome): ContractCase => ({
      name: `receipts: ${outcome}: ${receiptRules[outcome].when}`,
      async run(bench) {
        const logged: string[] = [];
        const log = (line: string): void => void logged.push(line);
        const journal = await bench.open({ logger: { debug: log, info: log, warn: log, error: log } });
        await journal.outbox.enqueue(
          message({ messageId: "m", msgId: "h", expectsReceipt: true, receiptWithinMs: 1_000 }),
        );
        await journal.outbox.markSent(await claimOne(journal));
        let n = 0;
        const say = (accepted: boolean, originalMsgId = "h") =>
          journal.receipts.record({ receiptId: `r${n++}`, originalMsgId, from: "200", accepted });
        const events: Record<ReceiptOutcome, () => Promise<{ outcome: ReceiptOutcome }>> = {
          accepted: () => say(true),
          rejected: () => say(false),
          late: async () => {
            bench.clock.time += 1_000;
            await journal.receipts.overdue();
            return say(false);
          },
          duplicate: async () => (await say(true), say(true)),
          "error-after-accepted": async () => (await say(true), say(false)),
          contradiction: async () => (await say(false), say(true)),
          unknown: () => say(true, "of-another"),
        };
        const answers: Record<ReceiptOutcome, string> = {
          accepted: "accepted",
          rejected: "rejected",
          late: "rejected",
          duplicate: "accepted",
          "error-after-accepted": "accepted",
          contradiction: "rejected",
          unknown: "awaiting",
        };
        logged.length = 0;
        assert.equal((await events[outcome]()).outcome, outcome);
        const rule = receiptRules[outcome];
        assert.equal((await journal.outbox.get("m"))?.application, answers[outcome]);
        const kept = [...(await journal.receipts.list("m")), ...(await journal.receipts.unknown())];
        assert.equal(kept.at(-1)?.outcome, rule.kept ? outcome : undefined);
        assert.equal(logged.includes("receipt does not fit"), rule.escalates);
        const counting = kept.filter((r) => receiptRules[r.outcome].counts).length;
        assert.equal(counting, answers[outcome] === "awaiting" ? 0 : 1, "one answer, the first");
      },
    }),
  ),
  {
    name: "receipts: one that comes before the broker's answer ends the resending",
    async run(bench) {
      const journal = await bench.open();
      await journal.outbox.enqueue(message({ messageId: "m", msgId: "h", expectsReceipt: true }));
      const claim = await claimOne(journal);
      const early = await journal.receipts.record({ receiptId: "r", originalMsgId: "h", from: "200", accepted: true });
      assert.deepEqual([early.outcome, early.message?.transport], ["accepted", "sent"]);
      assert.equal(await code(journal.outbox.markSent(claim)), "journal/conflict");
      bench.clock.time += 120_000;
      assert.deepEqual(await journal.outbox.claim({ owner: "b" }), []);
    },
  },
  {
    name: "receipts: deadlines count from sending and are told once, to one process",
    async run(bench) {
      const journal = await bench.open();
      const other = await bench.open();
      assert.equal(await journal.receipts.nextDeadline(), undefined);
      await journal.outbox.enqueue(message({ messageId: "m", expectsReceipt: true, receiptWithinMs: 1_000 }));
      bench.clock.time += 5_000;
      assert.deepEqual(await journal.receipts.overdue(), []);
      await journal.outbox.markSent(await claimOne(journal));
      assert.equal(await journal.receipts.nextDeadline(), bench.clock.time + 1_000);
      bench.clock.time += 999;
      assert.deepEqual(await journal.receipts.overdue(), []);
      bench.clock.time += 1;
      const told = await Promise.all([journal.receipts.overdue(), other.receipts.overdue()]);
      assert.deepEqual(
        told.flat().map((e) => e.id),
        ["m"],
      );
      assert.deepEqual(await journal.receipts.overdue(), []);
    },
  },
  {
    name: "receipts: an overdue answer is told three times, a deadline's length apart, and no more once it comes",
    async run(bench) {
      const journal = await bench.open();
      for (const messageId of ["silent", "late"])
        await journal.outbox.enqueue(message({ messageId, expectsReceipt: true, receiptWithinMs: 1_000 }));
      for (const claim of await journal.outbox.claim({ owner: "a" })) await journal.outbox.markSent(claim);
      const told: string[] = [];
      for (let i = 0; i < 5; i++) {
        const next = await journal.receipts.nextDeadline();
        assert.equal(next, i < 3 ? bench.clock.time + 1_000 : undefined);
        bench.clock.time += 1_000;
        told.push(...(await journal.receipts.overdue()).map((e) => `${e.id} ${e.escalations}`).sort());
        if (i > 0) continue;
        const late = { receiptId: "r", originalMsgId: "late", from: "200", accepted: true };
        assert.equal((await journal.receipts.record(late)).outcome, "late");
      }
      assert.deepEqual(told, ["late 1", "silent 1", "silent 2", "silent 3"]);
    },
  },
  {
    name: "inbox: duplicates by message id, by MsgId and by content are recognised per sender",
    async run(bench) {
      const journal = await bench.open({ key: { id: "k", secret: randomBytes(32) } });
      const base = { messageId: "1", msgId: "h1", kind: "DIALOG", from: "200", to: "100", payload: text("<a/>") };
      assert.equal((await journal.inbox.accept(base)).outcome, "new");
      const by = async (more: object, byContent = false): Promise<string> => {
        const found = await journal.inbox.accept({ ...base, ...more }, { byContent });
        return found.outcome === "new" ? "new" : found.by;
      };
      assert.equal(await by({}), "message-id");
      assert.equal(await by({ messageId: "2" }), "msg-id");
      assert.equal(await by({ messageId: "3", msgId: "h3" }, true), "content");
      assert.equal(await by({ messageId: "3", msgId: "h3" }), "new");
      assert.equal(await by({ from: "201" }), "new");
      const raced = await Promise.all(Array.from({ length: 8 }, () => by({ messageId: "9", msgId: "h9" })));
      assert.equal(raced.filter((r) => r === "new").length, 1);
      assert.equal((await journal.inbox.pending()).length, 4);
    },
  },
  {
    name: "inbox: the answers are queued with the handling, or neither",
    async run(bench) {
      const journal = await bench.open();
      const found = await journal.inbox.accept(
        { messageId: "1", kind: "DIALOG", from: "200", to: "100", payload: text("<a/>"), properties: { q: "1" } },
        { claim: { owner: "a" } },
      );
      assert.ok(found.outcome === "new" && found.claim);
      await journal.outbox.enqueue(message({ messageId: "taken" }));
      const bad = message({ messageId: "taken", payload: text("other") });
      const good = message({ messageId: "receipt", kind: "APPREC" });
      assert.equal(await code(journal.inbox.handled(found.claim, { replies: [good, bad] })), "journal/conflict");
      assert.equal((await journal.inbox.get(found.entry.id))?.state, "received");
      assert.equal(await journal.outbox.get("receipt"), undefined);
      assert.equal((await journal.inbox.handled(found.claim, { replies: [good] })).state, "handled");
      assert.equal((await journal.outbox.get("receipt"))?.kind, "APPREC");
      assert.equal(await code(journal.inbox.handled(found.claim)), "journal/conflict");
    },
  },
  {
    name: "inbox: a restarted process finds what was not handled, in order and by key",
    async run(bench) {
      const journal = await bench.open();
      for (const [messageId, key] of [
        ["1", "a"],
        ["2", "a"],
        ["3", "b"],
      ] as const)
        await journal.inbox.accept({ messageId, key, kind: "D", from: "200", to: "100", payload: text(messageId) });
      const before = await journal.inbox.claim({ owner: "dead" });
      assert.deepEqual(
        before.map((c) => c.messageId),
        ["1", "3"],
      );
      bench.clock.time += 60_000;
      const next = await bench.open();
      assert.deepEqual(
        (await next.inbox.pending()).map((e) => e.messageId),
        ["1", "2", "3"],
      );
      const [one, three] = (await next.inbox.claim({ owner: "new" })) as [InboxClaim, InboxClaim];
      assert.deepEqual([one.messageId, one.tries, new TextDecoder().decode(one.payload)], ["1", 2, "1"]);
      assert.equal(await code(journal.inbox.handled(before[0] as InboxClaim)), "journal/conflict");
      await next.inbox.handled(three);
      assert.deepEqual(await next.inbox.claim({ owner: "new" }), []);
      await next.inbox.handled(await next.inbox.renew(one));
      assert.deepEqual(
        (await next.inbox.claim({ owner: "new" })).map((c) => c.messageId),
        ["2"],
      );
    },
  },
  {
    name: "inbox: a clock that was wrong for a while keeps nothing waiting after it has been set back",
    async run(bench) {
      const one = await bench.open();
      const two = await bench.open();
      const right = bench.clock.time;
      for (const messageId of ["failed", "held"])
        await one.inbox.accept({ messageId, kind: "D", from: "200", to: "100", payload: text(messageId) });
      bench.clock.time += 6 * 3_600_000;
      const [failed, held] = (await one.inbox.claim({ owner: "one", leaseMs: 5_000 })) as [InboxClaim, InboxClaim];
      await one.inbox.retry(failed, { reason: "application/failed" });
      bench.clock.time = right + 10;
      const due = await two.inbox.claim({ owner: "two", leaseMs: 5_000 });
      assert.deepEqual(due.map((c) => c.id).sort(), [failed.id, held.id].sort());
      assert.equal(await code(one.inbox.handled(held)), "journal/conflict", "it is fenced off");
      assert.deepEqual(await one.inbox.claim({ owner: "one" }), [], "what a right clock has claimed is left alone");
    },
  },
  {
    name: "inbox: poison is set aside after bounded tries and holds nothing up",
    async run(bench) {
      const journal = await bench.open({ maxTries: 3 });
      for (const messageId of ["poison", "good"])
        await journal.inbox.accept({ messageId, key: "k", kind: "D", from: "200", to: "100", payload: text("x") });
      let state = "";
      for (let i = 0; i < 3; i++) {
        const [claim] = (await journal.inbox.claim({ owner: "a" })) as [InboxClaim];
        assert.equal(claim.messageId, "poison");
        state = (await journal.inbox.retry(claim, { reason: "message/handler-failed" })).state;
        bench.clock.time += 600_000;
      }
      assert.equal(state, "quarantined");
      const [good] = (await journal.inbox.claim({ owner: "a" })) as [InboxClaim];
      assert.equal(good.messageId, "good");
      await journal.inbox.quarantine(good, "message/spoofed-sender");
      const aside = await journal.inbox.list({ state: "quarantined" });
      assert.deepEqual(
        aside.map((e) => e.reason),
        ["message/handler-failed", "message/spoofed-sender"],
      );
      const back = await journal.inbox.requeue(aside[0]?.id ?? "");
      assert.deepEqual([back.state, back.tries], ["received", 0]);
      assert.equal(await code(journal.inbox.requeue(back.id)), "journal/conflict");
      const dropped = await journal.inbox.drop(aside[1]?.id ?? "", "operator/dropped");
      assert.deepEqual([dropped.state, await journal.inbox.payload(dropped.id)], ["dropped", undefined]);
      const known = { messageId: "good", kind: "D", from: "200", to: "100", payload: text("x") };
      assert.equal((await journal.inbox.accept(known)).outcome, "duplicate", "known although it was dropped");
    },
  },
  {
    name: "inbox: a message that kills its process is set aside too",
    async run(bench) {
      const journal = await bench.open({ maxTries: 2 });
      await journal.inbox.accept({ messageId: "1", kind: "D", from: "200", to: "100", payload: text("x") });
      for (let i = 0; i < 2; i++) {
        assert.equal((await journal.inbox.claim({ owner: `p${i}` })).length, 1);
        bench.clock.time += 60_000;
      }
      assert.deepEqual(await journal.inbox.claim({ owner: "p3" }), []);
      assert.deepEqual(
        (await journal.inbox.list({ state: "quarantined" })).map((e) => e.reason),
        ["message/handler-failed"],
      );
    },
  },
  {
    name: "states: every pair of inbox state and event does what the table says",
    async run(bench) {
      let n = 0;
      for (const state of Object.keys(inboxTable) as (keyof typeof inboxTable)[])
        for (const event of Object.keys(inboxTable[state]) as (keyof typeof inboxTable.received)[]) {
          const journal = await bench.open({ maxTries: event === "exhausted" ? 1 : 5 });
          const found = await journal.inbox.accept(
            { messageId: `m${n++}`, kind: "D", from: "200", to: "100", payload: text("x") },
            { claim: { owner: "a" } },
          );
          assert.ok(found.outcome === "new" && found.claim);
          const { claim } = found;
          if (state === "handled") await journal.inbox.handled(claim);
          if (state === "quarantined" || state === "dropped") await journal.inbox.quarantine(claim, "x");
          if (state === "dropped") await journal.inbox.drop(claim.id, "operator/dropped");
          const perform: Record<typeof event, () => Promise<unknown>> = {
            claim: () => journal.inbox.renew(claim),
            handle: () => journal.inbox.handled(claim),
            retry: () => journal.inbox.retry(claim, { reason: "x" }),
            exhausted: () => journal.inbox.retry(claim, { reason: "x" }),
            quarantine: () => journal.inbox.quarantine(claim, "x"),
            requeue: () => journal.inbox.requeue(claim.id),
            drop: () => journal.inbox.drop(claim.id, "operator/dropped"),
          };
          const cell = inboxTable[state][event];
          assert.equal(await code(perform[event]()), cell === null ? "journal/conflict" : "none", `${state} ${event}`);
          assert.equal((await journal.inbox.get(claim.id))?.state, cell?.to ?? state, `${state} ${event}`);
        }
    },
  },
  {
    name: "transaction: messages, what was handled and the application's own rows are stored together or not at all",
    async run(bench) {
      const journal = await bench.open();
      const mark = (n: number): string => (journal.engine === "sqlite" ? "?" : `$${n}`);
      // A temporary table would be of one connection: this one is the application's, in the journal's store.
      const table = `application_${randomBytes(4).toString("hex")}`;
      await journal.transaction((t) => t.query(`create table ${table} (id text primary key, message text)`));
      try {
        const book = (id: string, fails?: string) =>
          journal.transaction(async (transaction) => {
            await transaction.query(`insert into ${table} values (${mark(1)}, ${mark(2)})`, [id, `m-${id}`]);
            await journal.outbox.enqueue(message({ messageId: `m-${id}` }), { transaction });
            const { rows } = await transaction.query<{ id: string }>(`select id from ${table} where id = ${mark(1)}`, [
              id,
            ]);
            assert.equal(rows[0]?.id, id, "its own rows are seen inside");
            if (fails !== undefined) throw new RangeError(fails);
            return transaction;
          });
        await assert.rejects(book("undone", "no seat left"), new RangeError("no seat left"));
        assert.equal(await journal.outbox.get("m-undone"), undefined);
        const over = await book("kept");
        assert.equal(await code(over.query("select 1")), "journal/closed");
        assert.equal((await journal.outbox.get("m-kept"))?.transport, "queued");
        // The application's own fault in its statement undoes the message too.
        assert.equal(await code(book("kept")), "journal/unavailable");
        const counted = await journal.transaction((t) => t.query<{ n: number }>(`select count(*) as n from ${table}`));
        assert.equal(Number(counted.rows[0]?.n), 1);

        const found = await journal.inbox.accept(
          { messageId: "in", kind: "D", from: "200", to: "100", payload: text("x") },
          { claim: { owner: "a" } },
        );
        assert.ok(found.outcome === "new" && found.claim);
        const { claim } = found;
        const handle = (id: string, fails: boolean) =>
          journal.transaction(async (transaction) => {
            await transaction.query(`insert into ${table} values (${mark(1)}, null)`, [id]);
            await journal.inbox.handled(claim, { transaction, replies: [message({ messageId: `re-${id}` })] });
            if (fails) throw new RangeError("after all not");
          });
        // A fault of an answer that the application swallows leaves nothing handled without it.
        const swallowed = await journal.transaction((transaction) =>
          code(
            journal.inbox.handled(claim, {
              transaction,
              replies: [message({ messageId: "m-kept", payload: text("other") })],
            }),
          ),
        );
        assert.equal(swallowed, "journal/conflict");
        assert.equal((await journal.inbox.get(claim.id))?.state, "received");
        await assert.rejects(handle("first", true), RangeError);
        assert.equal((await journal.inbox.get(claim.id))?.state, "received");
        await handle("second", false);
        assert.equal((await journal.inbox.get(claim.id))?.state, "handled");
        assert.deepEqual(
          [await journal.outbox.get("re-first"), (await journal.outbox.get("re-second"))?.kind],
          [undefined, "DIALOG_X"],
        );
      } finally {
        await journal.transaction((t) => t.query(`drop table ${table}`));
      }
    },
  },
  {
    name: "threads: opened, continued and closed; absent members keep what is stored",
    async run(bench) {
      const journal = await bench.open({ key: { id: "k", secret: randomBytes(32) } });
      const base = { dialogId: "d", own: "100", other: "200" };
      await journal.threads.put({ ...base, person: ann, lastMessageId: "1", facts: { topic: "a" } });
      bench.clock.time += 1;
      const thread = await journal.threads.put({ ...base, lastMessageId: "2", facts: { more: "b" } });
      assert.ok(thread.person?.equals(ann));
      assert.deepEqual([thread.lastMessageId, thread.facts, thread.state], ["2", { topic: "a", more: "b" }, "open"]);
      assert.equal(thread.changedAt - thread.createdAt, 1);
      await journal.threads.put({ ...base, dialogId: "e" });
      assert.equal((await journal.threads.close("d")).state, "closed");
      assert.deepEqual(
        (await journal.threads.list({ state: "open" })).map((t) => t.dialogId),
        ["e"],
      );
      assert.equal(await code(journal.threads.close("none")), "journal/not-found");
      assert.equal(await journal.threads.get("none"), undefined);
    },
  },
  {
    name: "ledger: what is staged counts once its run is accepted, is sent once, and is kept with its history",
    async run(bench) {
      const journal = await bench.open({ key: { id: "k1", secret: new Uint8Array(32).fill(1) } });
      const line = (person: Personal, end = "2027-07-31") => ({
        person,
        organisation: "999999999",
        start: "2026-08-01",
        end,
      });
      const refused = await journal.ledger.begin({ kind: "reconcile" });
      assert.deepEqual(await refused.stage([line(ann), line(bo)]), ["added", "added"]);
      await refused.end("refused");
      const after = await journal.ledger.status();
      assert.deepEqual([after.members, after.withdrawn, after.outcomes.new, after.due], [0, 0, 0, 0]);

      const run = await journal.ledger.begin({ kind: "reconcile" });
      assert.equal(await code(journal.ledger.begin({ kind: "retry" })), "journal/conflict");
      assert.equal((await journal.ledger.status()).running, true);
      assert.deepEqual(await run.stage([line(ann), line(ann), line(ann, "2028-01-01"), line(cy)]), [
        "added",
        "duplicate",
        "two-periods",
        "added",
      ]);
      assert.deepEqual(await run.countAbsent(["999999999"]), { absent: 0, wanted: 0 });
      assert.equal(await run.withdrawAbsent(["999999999"]), 0);
      await run.accept();
      assert.equal(await run.countDue(false), 2);
      const due = await run.peek({ limit: 10, everything: false });
      assert.deepEqual(
        due.map((m) => [m.person.reveal(), m.change, m.end]),
        [
          [ann.reveal(), "add", "2027-07-31"],
          [cy.reveal(), "add", "2027-07-31"],
        ],
      );
      const batch = await run.open(due);
      await run.note(batch.id, { timedOut: true, ms: 7 });
      const [open] = await run.openBatches(0, 5);
      assert.deepEqual([open?.timeouts, open?.tries, open?.members.length], [1, 1, 2]);
      const [left, right] = await run.split(batch);
      bench.clock.time += 1_000;
      await run.settle(left, [{ outcome: "accepted" }], { ms: 5 });
      const later = bench.clock.time + 50;
      await run.settle(right, [{ outcome: "not-active", code: "2118", nextRetryAt: later }], { ms: 9 });
      assert.equal(await code(run.settle(left, [{ outcome: "unknown" }], { ms: 5 })), "journal/not-found");
      assert.deepEqual(
        (await run.slowest(1)).map((b) => [b.ms, b.members]),
        [[9, 1]],
      );
      await run.end("done");
      const status = await journal.ledger.status();
      assert.deepEqual(
        [
          status.members,
          status.withdrawn,
          status.outcomes,
          status.due,
          status.later,
          status.openBatches,
          status.running,
        ],
        // The second of the refused input was never told of: neither a member nor withdrawn.
        [2, 0, { new: 0, accepted: 1, "not-active": 1, refused: 0, unknown: 0 }, 0, 1, 0, false],
      );
      const [told] = await journal.ledger.explain({ person: ann });
      assert.deepEqual(told?.acked, { member: true, start: "2026-08-01", end: "2027-07-31" });
      assert.deepEqual(
        told?.events.map((e) => [e.change, e.outcome, e.end]),
        [["add", "accepted", "2027-07-31"]],
      );
      // Something known from outside: nothing of the person is at Helsenorge any more.
      assert.equal(
        (await journal.ledger.markInactive(ann, { code: "E35", answeredAt: bench.clock.time + 1, nextRetryAt: later }))
          .length,
        1,
      );
      assert.equal(
        (await journal.ledger.markInactive(ann, { code: "E35", answeredAt: 1, nextRetryAt: later })).length,
        0,
      );
      assert.equal((await journal.ledger.explain({ id: told?.id ?? "" }))[0]?.todo, "add");
      bench.clock.time = later + 1;
      const again = await journal.ledger.begin({ kind: "retry" });
      assert.equal(await again.countDue(false), 2);
      await again.end("done");
    },
  },
  {
    name: "ledger: an input that is refused changes nothing of the status",
    async run(bench) {
      const journal = await bench.open({ key: { id: "k1", secret: new Uint8Array(32).fill(1) } });
      const line = (person: Personal, withdrawn = false, end = "2027-07-31") => ({
        person,
        organisation: "999999999",
        start: "2026-08-01",
        end,
        withdrawn,
      });
      const run = await journal.ledger.begin({ kind: "reconcile" });
      await run.stage([line(ann), line(bo)]);
      await run.accept();
      const batch = await run.open(await run.peek({ limit: 10, everything: false }));
      await run.settle(batch, [{ outcome: "accepted" }, { outcome: "accepted" }], { ms: 1 });
      await run.end("done");
      const facts = async (): Promise<unknown> => {
        const { members, withdrawn, outcomes, due } = await journal.ledger.status();
        return { members, withdrawn, outcomes, due };
      };
      const before = await facts();
      const refused = await journal.ledger.begin({ kind: "reconcile" });
      assert.deepEqual(await refused.stage([line(ann, true), line(bo, false, "2030-07-31"), line(cy)]), [
        "withdrawn",
        "changed",
        "added",
      ]);
      await refused.end("refused");
      assert.deepEqual(await facts(), before);
    },
  },
  {
    name: "ledger: a run that lost its lease may not send, and what it may have sent is told again",
    async run(bench) {
      const journal = await bench.open({ key: { id: "k1", secret: new Uint8Array(32).fill(1) } });
      const line = (person: Personal, end: string) => ({
        person,
        organisation: "999999999",
        start: "2026-08-01",
        end,
      });
      // Long, so that the renewals by the machine's own clock stay out of it.
      const paused = await journal.ledger.begin({ kind: "reconcile", leaseMs: 1_000_000 });
      await paused.stage([line(ann, "2027-07-31"), line(bo, "2027-07-31")]);
      await paused.accept();
      const batch = await paused.open(await paused.peek({ limit: 10, everything: false }));
      await paused.hold(batch.id);
      bench.clock.time += 900_000;
      // Holding is renewing.
      await paused.hold(batch.id);
      bench.clock.time += 900_000;
      assert.equal(await code(journal.ledger.begin({ kind: "reconcile" })), "journal/conflict");
      bench.clock.time += 200_000;
      const next = await journal.ledger.begin({ kind: "reconcile" });
      assert.equal(await code(paused.hold(batch.id)), "journal/conflict");
      const [left] = await next.openBatches(0, 5);
      assert.ok(left !== undefined);
      await next.settle(left, [{ outcome: "accepted" }, { outcome: "accepted" }], { ms: 1 });
      // Who has the lease does not send what is settled either.
      assert.equal(await code(next.hold(left.id)), "journal/conflict");
      await next.stage([line(ann, "2030-07-31"), line(bo, "2027-07-31")]);
      await next.accept();
      const changed = await next.open(await next.peek({ limit: 10, everything: false }));
      assert.equal(changed.members.length, 1);
      await next.settle(changed, [{ outcome: "accepted" }], { ms: 1 });
      await next.end("done");
      assert.equal((await journal.ledger.status()).due, 0);
      await paused.doubt(batch);
      const [told] = await journal.ledger.explain({ person: ann });
      assert.deepEqual([told?.todo, told?.end], ["change", "2030-07-31"]);
      assert.equal((await journal.ledger.status()).due, 2);
    },
  },
  {
    name: "ledger: members under an older key are known, and an input that leaves them out withdraws them",
    async run(bench) {
      const older = { id: "k1", secret: new Uint8Array(32).fill(1) };
      const line = (person: Personal) => ({
        person,
        organisation: "999999999",
        start: "2026-08-01",
        end: "2027-07-31",
      });
      const first = await bench.open({ key: older });
      const run = await first.ledger.begin({ kind: "reconcile" });
      await run.stage([line(ann), line(bo)]);
      await run.accept();
      await run.settle(
        await run.open(await run.peek({ limit: 9, everything: false })),
        [{ outcome: "accepted" }, { outcome: "accepted" }],
        { ms: 1 },
      );
      await run.end("done");
      await first.close();
      const second = await bench.open({ key: { id: "k2", secret: new Uint8Array(32).fill(2), previous: [older] } });
      for (const dryRun of [true, false]) {
        const next = await second.ledger.begin({ kind: "reconcile", dryRun });
        assert.deepEqual(await next.stage([line(ann)]), ["unchanged"]);
        assert.deepEqual(await next.countAbsent(["999999999"]), { absent: 1, wanted: 2 });
        if (dryRun) {
          await next.end("done");
          continue;
        }
        assert.equal(await next.withdrawAbsent(["999999999"]), 1);
        await next.accept();
        const [gone] = await next.peek({ limit: 9, everything: false });
        assert.deepEqual(
          [gone?.person.reveal(), gone?.change, gone?.acked?.start],
          [bo.reveal(), "withdraw", "2026-08-01"],
        );
        await next.end("stopped");
      }
      assert.equal(await second.rotateKeys(), 2);
      assert.equal((await second.ledger.explain({ person: bo }))[0]?.todo, "withdraw");
    },
  },
  {
    name: "ledger: a dry run finds new members twice wherever they stand, as a run that counts does, and keeps nothing",
    async run(bench) {
      const journal = await bench.open({ key: { id: "k", secret: randomBytes(32) } });
      const line = (person: Personal, end = "2027-07-31", organisation = "999999999") => ({
        person,
        organisation,
        start: "2026-08-01",
        end,
      });
      for (const dryRun of [true, true, false]) {
        const run = await journal.ledger.begin({ kind: "reconcile", dryRun });
        assert.deepEqual(await run.stage([line(ann), line(ann), line(bo)]), ["added", "duplicate", "added"]);
        assert.deepEqual(
          await run.stage([line(cy), line(bo, "2027-12-31"), line(ann), line(ann, undefined, "888888888")]),
          ["added", "two-periods", "duplicate", "added"],
        );
        // What was found twice has not taken the first one's place.
        assert.deepEqual(await run.stage([line(bo), line(cy)]), ["duplicate", "duplicate"]);
        await run.end("refused");
        assert.equal((await journal.members.find(ann)).length, dryRun ? 0 : 2);
      }
    },
  },
  {
    name: "members: kept by person and organisation, with status, retry date and bounded batches",
    async run(bench) {
      const journal = await bench.open({ key: { id: "k", secret: randomBytes(32) } });
      const all = people.map((person) => ({ person, organisation: "999999999", start: "2025-08-01" }));
      assert.deepEqual(await journal.members.upsert(all), { added: 4, updated: 0 });
      assert.deepEqual(await journal.members.upsert([{ ...all[0]!, end: "2026-07-31" }]), { added: 0, updated: 1 });
      const now = bench.clock.time;
      assert.equal(await journal.members.setStatus(ann, { status: "active" }), 1);
      assert.equal(await journal.members.setStatus(bo, { status: "inactive", nextRetryAt: now + 20 }), 1);
      assert.equal(await journal.members.setStatus(cy, { status: "inactive", nextRetryAt: now + 10 }), 1);
      assert.equal(await journal.members.setStatus(new Personal("00000000000"), { status: "active" }), 0);
      assert.deepEqual(await journal.members.count(), { active: 1, inactive: 2, unknown: 1 });
      const [found] = await journal.members.find(ann);
      assert.deepEqual([found?.end, found?.status, found?.statusAt], ["2026-07-31", "active", now]);
      assert.ok((await journal.members.get(found?.id ?? "")).person.equals(ann));
      assert.deepEqual(await journal.members.due(), []);
      bench.clock.time += 20;
      assert.deepEqual(
        (await journal.members.due()).map((m) => m.person.reveal()),
        [cy.reveal(), bo.reveal()],
      );
      assert.equal((await journal.members.due({ limit: 1 })).length, 1);
      const sizes: number[] = [];
      for await (const batch of journal.members.iterate({ batchSize: 3 })) sizes.push(batch.length);
      assert.deepEqual(sizes, [3, 1]);
      assert.equal(await journal.members.remove(di), 1);
      assert.deepEqual(await journal.members.find(di), []);
      assert.equal(await code(journal.members.upsert({ ...all[0]!, start: "1.8.2025" })), "input/invalid");
    },
  },
  {
    name: "keys: older rows stay readable, rotation moves them, and the old key is then not needed",
    async run(bench) {
      const old = { id: "k1", secret: randomBytes(32) };
      const fresh = { id: "k2", secret: randomBytes(32) };
      const clear = await bench.open();
      await clear.outbox.enqueue(message({ messageId: "clear" }));
      const first = await bench.open({ key: old });
      await first.outbox.enqueue(message({ messageId: "m", msgId: "h", expectsReceipt: true }));
      await first.outbox.markSent((await first.outbox.claim({ owner: "a" })).find((c) => c.id === "m") as OutboxClaim);
      await first.receipts.record({
        receiptId: "r",
        originalMsgId: "h",
        from: "200",
        accepted: false,
        errors: [{ code: "E35", text: "t" }],
      });
      await first.inbox.accept({ messageId: "i", kind: "D", from: "200", to: "100", payload: text("in") });
      await first.threads.put({ dialogId: "d", own: "1", other: "2", person: ann });
      await first.members.upsert({ person: ann, organisation: "999999999" });
      const wrong = await bench.open({ key: fresh });
      assert.equal(await code(wrong.outbox.payload("m")), "journal/key-unknown");
      const both = await bench.open({ key: { ...fresh, previous: [old] } });
      assert.deepEqual(await both.members.upsert({ person: ann, organisation: "999999999" }), { added: 0, updated: 1 });
      assert.equal((await both.outbox.enqueue(message({ messageId: "m", msgId: "h" }))).duplicate, true);
      assert.equal(await both.rotateKeys(), 6);
      assert.equal(await both.rotateKeys(), 0);
      const only = await bench.open({ key: fresh });
      assert.deepEqual(await only.outbox.payload("m"), text("<m/>"));
      assert.deepEqual(await only.outbox.payload("clear"), text("<m/>"));
      assert.deepEqual((await only.receipts.list("m"))[0]?.errors, [{ code: "E35", text: "t" }]);
      assert.equal((await only.members.find(ann)).length, 1);
      assert.ok((await only.threads.get("d"))?.person?.equals(ann));
      const again = await only.inbox.accept(
        { messageId: "j", kind: "D", from: "200", to: "100", payload: text("in") },
        { byContent: true },
      );
      assert.equal(again.outcome, "duplicate");
    },
  },
  {
    name: "keys: a rotation that is stopped goes on where it was, tells how far it is, and messages flow meanwhile",
    async run(bench) {
      const old = { id: "k1", secret: randomBytes(32) };
      const fresh = { id: "k2", secret: randomBytes(32) };
      const before = await bench.open({ key: old });
      for (let i = 0; i < 120; i++) await before.outbox.enqueue(message({ messageId: `m${i}`, payload: text(`${i}`) }));
      const journal = await bench.open({ key: { ...fresh, previous: [old] } });
      assert.equal(await journal.countOldRows(), 120);
      const stop = new AbortController();
      const told: (readonly [number, number])[] = [];
      const onProgress = ({ done, left }: { done: number; left: number }): void => {
        told.push([done, left]);
        if (done === 50) stop.abort();
      };
      assert.equal(await code(journal.rotateKeys({ signal: stop.signal, onProgress })), "abort/cancelled");
      assert.equal(await journal.countOldRows(), 70);
      const claims = await journal.outbox.claim({ owner: "a", limit: 120 });
      assert.deepEqual(
        claims.map((c) => new TextDecoder().decode(c.payload)),
        Array.from({ length: 120 }, (_, i) => `${i}`),
      );
      assert.equal(await journal.rotateKeys({ onProgress }), 70);
      assert.deepEqual(told, [
        [50, 70],
        [50, 20],
        [70, 0],
      ]);
      assert.equal(await journal.countOldRows(), 0);
      assert.deepEqual(await (await bench.open({ key: fresh })).outbox.payload("m119"), text("119"));
    },
  },
  {
    name: "D1: that a message was reported is known to every process, and after each of them has ended",
    async run(bench) {
      const journal = await bench.open();
      const key = "93238 5ad6c9ba-9b9c-4b39-8fd2-3d7f2f5ed2d0";
      assert.equal(await journal.reports.has(key), false);
      await journal.reports.add(key);
      await journal.reports.add(key);
      await journal.close();
      const later = await bench.open();
      assert.equal(await later.reports.has(key), true);
      assert.equal(await later.reports.has(`${key} of another`), false);
    },
  },
  {
    name: "retention: finished messages go by age, awaited and unhandled ones stay, duplicates are still known",
    async run(bench) {
      const journal = await bench.open();
      const waiting = await reach(bench, journal, "sent", "awaiting");
      const done = await reach(bench, journal, "sent", "accepted");
      for (const messageId of ["1", "2"]) {
        const found = await journal.inbox.accept(
          { messageId, kind: "D", from: "200", to: "100", payload: text("x") },
          { claim: { owner: "a" } },
        );
        if (messageId === "1" && found.outcome === "new" && found.claim) await journal.inbox.handled(found.claim);
      }
      await journal.threads.put({ dialogId: "d", own: "1", other: "2", state: "closed" });
      await journal.reports.add("93238 an old message");
      bench.clock.time += 10_000;
      const young = await journal.prune({ payloadsOlderThanMs: 20_000, rowsOlderThanMs: 20_000 });
      assert.ok(Object.values(young).every((n) => n === 0));
      assert.equal((await journal.prune({ payloadsOlderThanMs: 5_000 })).payloads, 2);
      assert.equal(await journal.outbox.payload(done), undefined);
      assert.ok(await journal.outbox.payload(waiting));
      const again = await journal.inbox.accept({
        messageId: "1",
        kind: "D",
        from: "200",
        to: "100",
        payload: text("x"),
      });
      assert.equal(again.outcome, "duplicate");
      const gone = await journal.prune({ rowsOlderThanMs: 5_000 });
      const members = { members: 0, memberRuns: 0, memberBatches: 0, memberHistories: 0 };
      assert.deepEqual(gone, { payloads: 0, outbox: 1, inbox: 1, receipts: 1, threads: 1, reports: 1, ...members });
      assert.equal((await journal.outbox.list()).length, 1);
      assert.equal((await journal.inbox.pending()).length, 1);
    },
  },
  {
    name: "retention: what waits for somebody stays: a failed message, and an overdue one that is not told of for the last time",
    async run(bench) {
      const journal = await bench.open();
      const failed = await reach(bench, journal, "failed", "none");
      const overdue = await reach(bench, journal, "sent", "overdue");
      bench.clock.time += 1_000_000;
      for (const retention of [{ payloadsOlderThanMs: 1 }, { payloadBytesAtMost: 0 }, { rowsOlderThanMs: 1 }]) {
        await journal.prune(retention);
        for (const id of [failed, overdue]) assert.ok(await journal.outbox.payload(id), JSON.stringify(retention));
      }
      while ((await journal.receipts.overdue()).length > 0) bench.clock.time += 1_000_000;
      await journal.prune({ rowsOlderThanMs: 1 });
      assert.equal(await journal.outbox.get(overdue), undefined);
      assert.equal((await journal.outbox.resend(failed)).transport, "queued");
      const claim = await claimOne(journal);
      await journal.outbox.markFailed(claim, { reason: "amqp/unavailable", retry: "never" });
      bench.clock.time += 1_000;
      await journal.prune({ rowsOlderThanMs: 1, quarantined: true });
      assert.equal(await journal.outbox.get(failed), undefined);
    },
  },
  {
    name: "retention: by size, the oldest finished payloads go first and step by step, unfinished ones never",
    async run(bench) {
      const journal = await bench.open();
      const bytes = (n: number): Uint8Array => new Uint8Array(n).fill(65);
      for (let i = 0; i < 3; i++) {
        await journal.outbox.enqueue(message({ messageId: `done-${i}`, payload: bytes(1_000) }));
        await journal.outbox.markSent(await claimOne(journal));
        bench.clock.time += 1_000;
      }
      const found = await journal.inbox.accept(
        { messageId: "in", kind: "D", from: "200", to: "100", payload: bytes(1_000) },
        { claim: { owner: "a" } },
      );
      if (found.outcome === "new" && found.claim) await journal.inbox.handled(found.claim);
      bench.clock.time += 1_000;
      await journal.outbox.enqueue(message({ messageId: "awaited", payload: bytes(1_000), expectsReceipt: true }));
      await journal.outbox.markSent(await claimOne(journal));
      await journal.outbox.enqueue(message({ messageId: "queued", payload: bytes(1_000) }));
      await journal.inbox.accept({ messageId: "open", kind: "D", from: "200", to: "100", payload: bytes(1_000) });
      const payloads = async (): Promise<string[]> => {
        const there: string[] = [];
        for (const entry of await journal.outbox.list())
          if ((await journal.outbox.payload(entry.id)) !== undefined) there.push(entry.id);
        for (const entry of await journal.inbox.list())
          if ((await journal.inbox.payload(entry.id)) !== undefined) there.push(entry.messageId);
        return there;
      };
      assert.equal((await journal.prune({ payloadBytesAtMost: 7_000 })).payloads, 0);
      const told: number[] = [];
      const pruned = await journal.prune({ payloadBytesAtMost: 5_500, onProgress: (p) => told.push(p.payloads) });
      assert.deepEqual([pruned.payloads, told], [2, [2]]);
      assert.deepEqual(await payloads(), ["done-2", "awaited", "queued", "in", "open"]);
      assert.equal((await journal.prune({ payloadBytesAtMost: 0 })).payloads, 2);
      assert.deepEqual(await payloads(), ["awaited", "queued", "open"]);
    },
  },
  {
    name: "retention: withdrawn memberships go when nothing is left to tell, with old runs, batches and histories",
    async run(bench) {
      const journal = await bench.open();
      const bo = new Personal("21820195127");
      const member = (person: Personal) => ({
        person,
        organisation: "999999999",
        start: "2026-08-01",
        end: "2027-07-31",
      });
      const reconcile = async (people: readonly Personal[], send: boolean) => {
        const run = await journal.ledger.begin({ kind: "reconcile" });
        await run.stage(people.map(member));
        await run.withdrawAbsent(["999999999"]);
        await run.accept();
        const due = await run.peek({ limit: 10, everything: false });
        if (send && due.length > 0)
          await run.settle(
            await run.open(due),
            due.map(() => ({ outcome: "accepted" as const })),
            { ms: 1 },
          );
        await run.end("done");
      };
      await reconcile([ann, bo], true);
      bench.clock.time += 10_000;
      // Bo is withdrawn, but not told yet: nothing of his may go, nor the run that says so.
      await reconcile([ann], false);
      bench.clock.time += 10_000;
      const waiting = await journal.prune({ rowsOlderThanMs: 5_000 });
      assert.equal(waiting.members, 0);
      assert.equal(waiting.memberRuns, 1);
      assert.equal((await journal.ledger.explain({ person: bo }))[0]?.todo, "withdraw");
      await reconcile([ann], true);
      bench.clock.time += 10_000;
      const early = await journal.prune({ rowsOlderThanMs: 15_000 });
      assert.deepEqual([early.members, early.memberRuns], [0, 1]);
      const gone = await journal.prune({ rowsOlderThanMs: 5_000, memberHistoriesOlderThanMs: 15_000 });
      assert.deepEqual([gone.members, gone.memberRuns, gone.memberHistories], [1, 0, 1]);
      assert.deepEqual(await journal.ledger.explain({ person: bo }), []);
      const [kept] = await journal.ledger.explain({ person: ann });
      assert.equal(kept?.acked?.member, true);
      assert.deepEqual(kept?.events, []);
      assert.ok((await journal.ledger.status()).lastRun !== undefined);
      // Whoever comes back is new.
      await reconcile([ann, bo], true);
      assert.equal((await journal.ledger.explain({ person: bo }))[0]?.events.length, 1);
    },
  },
  {
    name: "input: free text in ids, oversize payloads and fired signals are refused, without the value",
    async run(bench) {
      const journal = await bench.open({ maxPayloadBytes: 10 });
      const marker = "Kari Nordmann";
      for (const bad of [
        journal.outbox.enqueue(message({ key: marker })),
        journal.outbox.enqueue(message({ to: marker })),
        journal.inbox.accept({ messageId: marker, kind: "D", from: "1", to: "2", payload: text("") }),
        journal.receipts.record({ receiptId: "r", originalMsgId: marker, from: "2", accepted: true }),
        journal.threads.put({ dialogId: marker, own: "1", other: "2" }),
      ]) {
        const reason = await bad.then(
          () => undefined,
          (r: unknown) => r,
        );
        assert.ok(reason instanceof HelsekontaktError);
        assert.equal((reason as HelsekontaktError).code, "input/invalid");
        assert.ok(!`${JSON.stringify(reason)}${String(reason)}`.includes("Kari"));
      }
      assert.equal(await code(journal.outbox.enqueue(message({ payload: new Uint8Array(11) }))), "input/too-large");
      const signal = AbortSignal.abort();
      assert.equal(await code(journal.outbox.enqueue(message(), { signal })), "abort/cancelled");
      assert.equal(await code(journal.outbox.claim({ owner: "a", signal })), "abort/cancelled");
      assert.equal(await code(journal.inbox.pending({ signal })), "abort/cancelled");
      assert.equal(await code(journal.receipts.overdue({ signal })), "abort/cancelled");
      assert.equal(await code(journal.members.find(ann, { signal })), "abort/cancelled");
      assert.equal(await code(journal.threads.list({ signal })), "abort/cancelled");
      assert.equal(await code(journal.prune({ signal, rowsOlderThanMs: 1 })), "abort/cancelled");
      assert.deepEqual(await journal.outbox.list(), []);
    },
  },
  {
    name: "offerings: what was sent last is kept for each organisation, encrypted, replaced, forgotten and rotated",
    async run(bench) {
      const old = { id: "old", secret: randomBytes(32) };
      const fresh = { id: "new", secret: randomBytes(32) };
      const journal = await bench.open({ key: old });
      assert.equal(await journal.offerings.get("999999999"), undefined);
      await journal.offerings.put("999999999", { name: "Søndre" });
      await journal.offerings.put("988888888", [1]);
      bench.clock.time += 1_000;
      await journal.offerings.put("999999999", { name: "Nordre" });
      const other = await bench.open({ key: old });
      assert.deepEqual(await other.offerings.get("999999999"), {
        organisation: "999999999",
        content: { name: "Nordre" },
        sentAt: bench.clock.time,
      });
      assert.deepEqual(
        (await other.offerings.all()).map((o) => o.organisation),
        ["988888888", "999999999"],
      );
      const rotating = await bench.open({ key: { ...fresh, previous: [old] } });
      assert.equal(await rotating.rotateKeys(), 2);
      const only = await bench.open({ key: fresh });
      assert.deepEqual((await only.offerings.get("999999999"))?.content, { name: "Nordre" });
      assert.equal(await code((await bench.open({ key: old })).offerings.get("999999999")), "journal/key-unknown");
      assert.equal(await only.offerings.remove("999999999"), true);
      assert.equal(await only.offerings.remove("999999999"), false);
      assert.equal((await only.offerings.all()).length, 1);
    },
  },
  {
    name: "life cycle: reopening keeps everything; a closed journal says so and ends waits",
    async run(bench) {
      const journal = await bench.open();
      await journal.outbox.enqueue(message({ messageId: "m", expectsReceipt: true }));
      const waiting = code(journal.outbox.wait("m"));
      await new Promise((next) => setImmediate(next));
      await journal.close();
      assert.equal(await waiting, "journal/closed");
      assert.equal(await code(journal.outbox.enqueue(message())), "journal/closed");
      assert.equal(await code(journal.outbox.list()), "journal/closed");
      await journal.close();
      assert.equal((await (await bench.open()).outbox.list()).length, 1);
    },
  },
];

/** Takes a message out of the way of the next pair. */
async function drop(journal: Journal, id: string): Promise<void> {
  const entry = await journal.outbox.get(id);
  if (entry?.transport === "queued") await journal.outbox.cancel(id, "abort/cancelled");
  if (entry?.transport === "sending")
    for (const owner of ["a", "b"])
      await journal.outbox
        .markFailed({ ...entry, payload: text(""), owner, leaseUntil: 0 }, { reason: "x", retry: "never" })
        .catch((reason: unknown) => assert.ok(reason instanceof HelsekontaktError));
  if (entry?.transport === "sent" && entry.application === "awaiting")
    await journal.outbox.reportUndeliverable(id, "x");
}
