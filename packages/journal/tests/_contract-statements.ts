import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { HelsekontaktError, Personal } from "@helsekontakt/core";
import type { InboxClaim, OutboxClaim, OutboxMessage } from "../src/index.ts";
import type { ContractCase } from "./_contract.ts";

// What must be so however few statements an engine needs for it.

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const message = (more: Partial<OutboxMessage> = {}): OutboxMessage => ({
  kind: "DIALOG_X",
  from: "100",
  to: "200",
  payload: text("<m/>"),
  ...more,
});
const arrived = (messageId: string) => ({ messageId, kind: "D", from: "200", to: "100", payload: text("<i/>") });
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "none",
    (reason: unknown) => HelsekontaktError.from(reason).code,
  );

export const statementCases: readonly ContractCase[] = [
  {
    name: "keys: a claim that comes upon a key that was not given takes nothing, also of what is under others",
    async run(bench) {
      const given = { id: "given", secret: randomBytes(32) };
      const right = await bench.open({ key: { id: "k", secret: randomBytes(32), previous: [given] } });
      const other = await bench.open({ key: given });
      await other.outbox.enqueue(message({ messageId: "readable" }));
      await other.inbox.accept(arrived("readable"));
      await right.outbox.enqueue(message({ messageId: "m" }));
      await right.inbox.accept(arrived("m"));
      assert.equal(await codeOf(other.outbox.claim({ owner: "a" })), "journal/key-unknown");
      assert.equal(await codeOf(other.inbox.claim({ owner: "a" })), "journal/key-unknown");
      const out = await right.outbox.claim({ owner: "b" });
      assert.deepEqual(
        out.map((c) => [c.messageId, c.attempts, c.fence]),
        [
          ["readable", 1, 1],
          ["m", 1, 1],
        ],
      );
      const into = await right.inbox.claim({ owner: "b" });
      assert.deepEqual(
        into.map((c) => [c.messageId, c.tries, c.fence]),
        [
          ["readable", 1, 1],
          ["m", 1, 1],
        ],
      );
    },
  },
  {
    name: "outbox: a claim that comes upon poison sets it aside and takes the others all the same",
    async run(bench) {
      const journal = await bench.open({ maxTries: 1 });
      await journal.outbox.enqueue(message({ messageId: "poison" }));
      await journal.outbox.claim({ owner: "a", leaseMs: 10 });
      await journal.outbox.enqueue(message({ messageId: "good" }));
      bench.clock.time += 11;
      const claims = await journal.outbox.claim({ owner: "b" });
      assert.deepEqual(
        claims.map((c) => c.messageId),
        ["good"],
      );
      const aside = await journal.outbox.get("poison");
      assert.deepEqual([aside?.transport, aside?.reason], ["failed", "message/tries-exhausted"]);
    },
  },
  {
    name: "outbox: who sends is woken by a message that has left when it held up another of its key, and not else",
    async run(bench) {
      const journal = await bench.open();
      for (const messageId of ["first", "second"]) await journal.outbox.enqueue(message({ messageId, key: "k" }));
      for (const [messageId, wakes] of [
        ["first", true],
        ["second", false],
      ] as const) {
        const [claim] = await journal.outbox.claim({ owner: "a" });
        assert.equal(claim?.messageId, messageId);
        const over = new AbortController();
        let woken = false;
        const waiting = journal.outbox.waitForWork({ timeoutMs: 60_000, signal: over.signal }).then(
          () => (woken = true),
          () => {},
        );
        await journal.outbox.markSent(claim as OutboxClaim);
        await turn();
        assert.equal(woken, wakes);
        over.abort();
        await waiting;
      }
    },
  },
  {
    name: "receipts: of two answers that come at once to two processes one counts",
    async run(bench) {
      const journals = [await bench.open(), await bench.open()];
      const [journal] = journals;
      assert.ok(journal);
      for (let round = 0; round < 10; round++) {
        const id = `m${round}`;
        await journal.outbox.enqueue(message({ messageId: id, msgId: id, expectsReceipt: true }));
        const [claim] = await journal.outbox.claim({ owner: "a" });
        await journal.outbox.markSent(claim as OutboxClaim);
        const records = await Promise.all(
          journals.map((j, n) =>
            j.receipts.record({ receiptId: `r${round}-${n}`, originalMsgId: id, from: "200", accepted: true }),
          ),
        );
        assert.deepEqual(records.map((r) => r.outcome).sort(), ["accepted", "duplicate"]);
        assert.deepEqual((await journal.receipts.list(id)).map((r) => r.outcome).sort(), ["accepted", "duplicate"]);
        const [again] = await Promise.all(
          journals.map((j) =>
            j.receipts.record({ receiptId: `r${round}-0`, originalMsgId: id, from: "200", accepted: true }),
          ),
        );
        assert.equal(again?.outcome, "duplicate");
        assert.equal((await journal.receipts.list(id)).length, 2);
      }
    },
  },
  {
    name: "receipts: an answer to a message under a key that was not given changes nothing, and counts where it was given",
    async run(bench) {
      const given = { id: "given", secret: randomBytes(32) };
      const right = await bench.open({ key: { id: "k", secret: randomBytes(32), previous: [given] } });
      const other = await bench.open({ key: given });
      await right.outbox.enqueue(message({ messageId: "m", msgId: "m", expectsReceipt: true }));
      const [claim] = await right.outbox.claim({ owner: "a" });
      await right.outbox.markSent(claim as OutboxClaim);
      const answer = { receiptId: "r", originalMsgId: "m", from: "200", accepted: true };
      assert.equal(await codeOf(other.receipts.record(answer)), "journal/key-unknown");
      assert.equal((await right.outbox.get("m"))?.application, "awaiting");
      // It comes again, to a process that can read the message.
      assert.equal((await right.receipts.record(answer)).outcome, "accepted");
    },
  },
  {
    name: "receipts: the first answer frees the next message of its key when the broker's answer never came",
    async run(bench) {
      const journal = await bench.open();
      for (const id of ["1", "2"])
        await journal.outbox.enqueue(message({ messageId: id, msgId: id, key: "k", expectsReceipt: true }));
      assert.equal((await journal.outbox.claim({ owner: "a" })).length, 1);
      const woken = journal.outbox.waitForWork({ timeoutMs: 60_000 });
      const record = await journal.receipts.record({ receiptId: "r", originalMsgId: "1", from: "200", accepted: true });
      assert.deepEqual([record.message?.transport, record.message?.application], ["sent", "accepted"]);
      assert.equal(record.message?.sentAt, bench.clock.time);
      await woken;
      assert.deepEqual(
        (await journal.outbox.claim({ owner: "a" })).map((c) => c.messageId),
        ["2"],
      );
    },
  },
  {
    name: "inbox: an answer whose id is taken is not queued, nor is its message handled, also where the fault is caught",
    async run(bench) {
      const journal = await bench.open();
      await journal.outbox.enqueue(message({ messageId: "taken" }));
      await journal.inbox.accept(arrived("i"));
      const [claim] = (await journal.inbox.claim({ owner: "a" })) as [InboxClaim];
      const bad = message({ messageId: "taken", payload: text("other") });
      assert.equal(await codeOf(journal.inbox.handled(claim, { replies: [bad] })), "journal/conflict");
      await journal.transaction(async (transaction) => {
        assert.equal(await codeOf(journal.inbox.handled(claim, { replies: [bad], transaction })), "journal/conflict");
      });
      assert.equal((await journal.inbox.get(claim.id))?.state, "received");
      assert.equal((await journal.outbox.list()).length, 1);
      // Told again by a caller that did not hear of it: the same answer is no other one.
      const same = message({ messageId: "taken" });
      assert.equal((await journal.inbox.handled(claim, { replies: [same] })).state, "handled");
      assert.equal((await journal.outbox.list()).length, 1);
    },
  },
  {
    name: "inbox: whoever has lost a message queues no answer, also where the fault is caught",
    async run(bench) {
      const journal = await bench.open();
      await journal.inbox.accept(arrived("i"));
      const [lost] = (await journal.inbox.claim({ owner: "a", leaseMs: 10 })) as [InboxClaim];
      bench.clock.time += 11;
      const [held] = (await journal.inbox.claim({ owner: "a", leaseMs: 10 })) as [InboxClaim];
      const replies = [message({ messageId: "answer" })];
      assert.equal(await codeOf(journal.inbox.handled(lost, { replies })), "journal/conflict");
      await journal.transaction(async (transaction) => {
        assert.equal(await codeOf(journal.inbox.handled(lost, { replies, transaction })), "journal/conflict");
      });
      assert.equal(await journal.outbox.get("answer"), undefined);
      await journal.transaction((transaction) => journal.inbox.handled(held, { replies, transaction }));
      assert.equal((await journal.outbox.get("answer"))?.transport, "queued");
      assert.equal((await journal.inbox.get(held.id))?.state, "handled");
    },
  },
  {
    name: "threads: an update that names nobody keeps citizen, facts and state, under whichever key they are",
    async run(bench) {
      const old = { id: "k1", secret: randomBytes(32) };
      const base = { dialogId: "d", own: "100", other: "200" };
      const person = new Personal("01814010070");
      const first = await bench.open({ key: old });
      await first.threads.put({ ...base, person, facts: { topic: "a" }, lastMessageId: "1" });
      await first.threads.close("d");
      const journal = await bench.open({ key: { id: "k2", secret: randomBytes(32), previous: [old] } });
      bench.clock.time += 1;
      const passed = await journal.threads.put({ ...base, other: "300", lastMessageId: "2" });
      assert.ok(passed.person?.equals(person));
      assert.deepEqual(
        [passed.facts, passed.state, passed.lastMessageId, passed.other, passed.changedAt - passed.createdAt],
        [{ topic: "a" }, "closed", "2", "300", 1],
      );
      const opened = await journal.threads.put({ ...base, state: "open" });
      assert.deepEqual([opened.state, opened.lastMessageId], ["open", "2"]);
      const named = await journal.threads.put({ ...base, facts: { more: "b" } });
      assert.deepEqual([named.facts, named.person?.equals(person)], [{ topic: "a", more: "b" }, true]);
    },
  },
  {
    name: "threads: an update of what is under a key that was not given changes nothing, also where it names nobody",
    async run(bench) {
      const given = { id: "given", secret: randomBytes(32) };
      const right = await bench.open({ key: { id: "k", secret: randomBytes(32), previous: [given] } });
      const other = await bench.open({ key: given });
      const base = { dialogId: "d", own: "100", other: "200" };
      await right.threads.put({ ...base, facts: { topic: "a" }, lastMessageId: "1" });
      const update = { ...base, lastMessageId: "2", state: "closed" as const };
      assert.equal(await codeOf(other.threads.put(update)), "journal/key-unknown");
      const thread = await right.threads.get("d");
      assert.deepEqual([thread?.lastMessageId, thread?.state], ["1", "open"]);
    },
  },
];
