import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { HelsekontaktError } from "@helsekontakt/core";
import type { InboxClaim, InboxMessage, Journal, OutboxMessage } from "../src/index.ts";
import { inlineBytes } from "../src/payload-columns.ts";
import { partBytes } from "../src/payloads.ts";
import type { ContractCase } from "./_contract.ts";

// Payloads that the embedded engine stores in parts; the same is true of them on every engine.

/** Around every length at which something else happens: from the row to one part, and from one part to the next. */
const lengths = [
  0,
  1,
  inlineBytes,
  inlineBytes + 1,
  partBytes - 1,
  partBytes,
  partBytes + 1,
  2 * partBytes,
  2 * partBytes + 1,
  5 * partBytes + 7,
];
const large = (): Buffer => randomBytes(3 * partBytes + 11);
const key = (id: string) => ({ id, secret: randomBytes(32) });
const out = (payload: Uint8Array, messageId: string, more: Partial<OutboxMessage> = {}): OutboxMessage => ({
  kind: "DIALOG_X",
  from: "100",
  to: "200",
  messageId,
  payload,
  ...more,
});
const arrival = (payload: Uint8Array, messageId: string): InboxMessage => ({
  kind: "DIALOG_X",
  from: "200",
  to: "100",
  messageId,
  payload,
});

/** Compared without printing megabytes. */
function same(found: Uint8Array | undefined, expected: Uint8Array, what: string): void {
  assert.ok(found !== undefined && Buffer.compare(found, expected) === 0, `expected the payload of ${what} as it was`);
}

async function code(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (reason) {
    assert.ok(reason instanceof HelsekontaktError, `expected our error, found ${String(reason)}`);
    return reason.code;
  }
  return "none";
}

async function take(journal: Journal, payload: Uint8Array, messageId: string): Promise<InboxClaim> {
  const found = await journal.inbox.accept(arrival(payload, messageId), { claim: { owner: "a" } });
  assert.ok(found.outcome === "new" && found.claim !== undefined, "expected a new message with a claim");
  return found.claim;
}

export const payloadCases: readonly ContractCase[] = [
  ...[true, false].map((sealed) => ({
    name: `payloads: of every length ${sealed ? "encrypted" : "in clear"}, out and in, they come back as they were`,
    async run(bench: Parameters<ContractCase["run"]>[0]): Promise<void> {
      const journal = await bench.open(sealed ? { key: key("k") } : {});
      for (const length of lengths) {
        const payload = randomBytes(length);
        const id = `m-${length}`;
        assert.deepEqual(await journal.outbox.enqueue(out(payload, id)), { id, duplicate: false });
        assert.deepEqual(await journal.outbox.enqueue(out(payload, id)), { id, duplicate: true });
        const other = randomBytes(length + 1);
        assert.equal(await code(journal.outbox.enqueue(out(other, id))), "journal/conflict");
        same(await journal.outbox.payload(id), payload, id);
        const [claim] = await journal.outbox.claim({ owner: "a" });
        same(claim?.payload, payload, `the claim of ${id}`);
        assert.equal((await journal.outbox.markSent(claim as never)).transport, "sent");
        same(await journal.outbox.payload(id), payload, `${id}, sent`);

        same((await take(journal, payload, id)).payload, payload, `${id}, taken at once`);
        assert.equal((await journal.inbox.accept(arrival(payload, id))).outcome, "duplicate");
        const again = await journal.inbox.accept(arrival(payload, `again-${length}`), { byContent: true });
        assert.equal(again.outcome === "duplicate" && again.by, "content");
      }
      bench.clock.time += 120_000;
      const taken = await journal.inbox.claim({ owner: "b" });
      assert.equal(taken.length, lengths.length);
      for (const claim of taken) {
        same(claim.payload, (await journal.outbox.payload(claim.messageId)) as Uint8Array, claim.messageId);
        const reply = out(claim.payload, `re-${claim.messageId}`);
        await journal.inbox.handled(claim, { replies: [reply] });
        same(await journal.outbox.payload(`re-${claim.messageId}`), claim.payload, "a reply");
      }
    },
  })),
  {
    name: "payloads: many large ones at once, with small ones between them, are stored whole, and small ones do not wait",
    async run(bench) {
      const journal = await bench.open({ key: key("k") });
      const payloads = Array.from({ length: 6 }, (_, i) => randomBytes((i + 1) * partBytes + i));
      const order: string[] = [];
      const queue = async (payload: Uint8Array, id: string): Promise<void> => {
        await journal.outbox.enqueue(out(payload, id));
        order.push(id);
      };
      const first = queue(randomBytes(12 * partBytes), "largest");
      const small = Array.from({ length: 20 }, (_, i) => queue(Buffer.from(`${i}`), `small-${i}`));
      await Promise.all([first, ...small, ...payloads.map((payload, i) => queue(payload, `large-${i}`))]);
      if (journal.engine === "sqlite") assert.ok(order.indexOf("small-19") < order.indexOf("largest"), order.join());
      for (const [i, payload] of payloads.entries())
        same(await journal.outbox.payload(`large-${i}`), payload, `large-${i}`);
      const claims = await journal.outbox.claim({ owner: "a", limit: 50 });
      assert.equal(claims.length, 27);
      for (const [i, payload] of payloads.entries())
        same(claims.find(({ id }) => id === `large-${i}`)?.payload, payload, `the claim of large-${i}`);
    },
  },
  {
    name: "payloads: a large one that is stopped on its way is not there, and its id is free",
    async run(bench) {
      const journal = await bench.open();
      for (const after of [0, 1, 3]) {
        const stop = new AbortController();
        const storing = code(journal.outbox.enqueue(out(large(), `m-${after}`), { signal: stop.signal }));
        for (let turns = 0; turns < after; turns++) await new Promise((next) => setImmediate(next));
        stop.abort();
        // It may have been done by then: it is there, or not at all.
        const told = await storing;
        assert.equal((await journal.outbox.get(`m-${after}`)) === undefined, told === "abort/cancelled");
        const again = large();
        if (told === "none") continue;
        await journal.outbox.enqueue(out(again, `m-${after}`));
        same(await journal.outbox.payload(`m-${after}`), again, "the second try");
      }
      await take(journal, large(), "in");
      const stop = AbortSignal.abort();
      assert.equal(await code(journal.inbox.accept(arrival(large(), "stopped"), { signal: stop })), "abort/cancelled");
      assert.equal((await journal.inbox.list()).length, 1);
    },
  },
  {
    name: "payloads: large answers are stored with what they answer, in a transaction and outside, or not at all",
    async run(bench) {
      const journal = await bench.open({ key: key("k") });
      const claim = await take(journal, large(), "in");
      const answer = large();
      const fenced = { ...claim, fence: claim.fence + 1 };
      assert.equal(await code(journal.inbox.handled(fenced, { replies: [out(answer, "re")] })), "journal/conflict");
      assert.equal(await journal.outbox.get("re"), undefined);
      const undone = journal.transaction(async (transaction) => {
        await journal.inbox.handled(claim, { replies: [out(answer, "re")], transaction });
        throw new RangeError("the application's own");
      });
      await assert.rejects(undone, RangeError);
      assert.equal(await journal.outbox.get("re"), undefined);
      assert.equal((await journal.inbox.get(claim.id))?.state, "received");
      // A conflict that the application swallows leaves nothing of the message that met it.
      const beside = large();
      await journal.transaction(async (transaction) => {
        await journal.outbox.enqueue(out(beside, "beside"), { transaction });
        assert.equal(await code(journal.outbox.enqueue(out(answer, "beside"), { transaction })), "journal/conflict");
        await journal.inbox.handled(claim, { replies: [out(answer, "re")], transaction });
      });
      same(await journal.outbox.payload("beside"), beside, "the first one");
      same(await journal.outbox.payload("re"), answer, "the answer");
      assert.equal((await journal.inbox.get(claim.id))?.state, "handled");
      await journal.prune({});
      same(await journal.outbox.payload("beside"), beside, "the first one, after what was not needed went");
      same(await journal.outbox.payload("re"), answer, "the answer, after what was not needed went");
    },
  },
  {
    name: "payloads: rotation moves large ones too, and the old key is then not needed",
    async run(bench) {
      const [old, fresh] = [key("k1"), key("k2")];
      const before = await bench.open({ key: old });
      const payloads = [large(), large(), randomBytes(inlineBytes + 5)];
      for (const [i, payload] of payloads.entries()) {
        await before.outbox.enqueue(out(payload, `m-${i}`));
        await before.inbox.accept(arrival(payload, `m-${i}`));
      }
      const journal = await bench.open({ key: { ...fresh, previous: [old] } });
      // They are read meanwhile, wherever the rotation is.
      const rotated = new AbortController();
      const reading = (async () => {
        while (!rotated.signal.aborted)
          same(await journal.outbox.payload("m-0"), payloads[0] as Buffer, "one that is read meanwhile");
      })();
      const told: number[] = [];
      assert.equal(await journal.rotateKeys({ onProgress: ({ left }) => void told.push(left) }), 6);
      rotated.abort();
      await reading;
      assert.equal(told.at(-1), 0);
      assert.equal(await journal.countOldRows(), 0);
      const only = await bench.open({ key: fresh });
      for (const claim of await only.outbox.claim({ owner: "a" }))
        same(claim.payload, payloads[Number(claim.id.slice(2))] as Buffer, claim.id);
      for (const claim of await only.inbox.claim({ owner: "a" }))
        same(claim.payload, payloads[Number(claim.messageId.slice(2))] as Buffer, claim.messageId);
      assert.equal((await only.outbox.enqueue(out(payloads[1] as Buffer, "m-1"))).duplicate, true);
      const again = await only.inbox.accept(arrival(payloads[1] as Buffer, "other"), { byContent: true });
      assert.equal(again.outcome, "duplicate");
    },
  },
  {
    name: "payloads: retention counts large ones by their size and takes them whole; what was set aside keeps its own",
    async run(bench) {
      const journal = await bench.open();
      const size = 3 * partBytes;
      for (let i = 0; i < 3; i++) {
        await journal.outbox.enqueue(out(randomBytes(size), `done-${i}`));
        const [claim] = await journal.outbox.claim({ owner: "a" });
        await journal.outbox.markSent(claim as never);
        bench.clock.time += 1_000;
      }
      assert.equal((await journal.prune({ payloadBytesAtMost: 3 * size })).payloads, 0);
      assert.equal((await journal.prune({ payloadBytesAtMost: 3 * size - 1 })).payloads, 1);
      assert.equal(await journal.outbox.payload("done-0"), undefined);
      assert.equal((await journal.prune({ payloadsOlderThanMs: 1_500 })).payloads, 1);
      assert.equal(await journal.outbox.payload("done-1"), undefined);
      assert.equal((await journal.prune({ rowsOlderThanMs: 500 })).outbox, 3);

      const kept = large();
      const claim = await take(journal, kept, "poison");
      await journal.inbox.quarantine(claim, "message/handler-failed");
      await journal.outbox.enqueue(out(kept, "failed"));
      const [sending] = await journal.outbox.claim({ owner: "a" });
      await journal.outbox.markFailed(sending as never, { reason: "amqp/rejected", retry: "never" });
      await journal.setAside.retry("inbox", claim.id);
      const [retried] = await journal.inbox.claim({ owner: "a" });
      same(retried?.payload, kept, "what was put back");
      await journal.inbox.quarantine(retried as InboxClaim, "message/handler-failed");
      await journal.setAside.retry("outbox", "failed");
      const [resent] = await journal.outbox.claim({ owner: "a" });
      same(resent?.payload, kept, "what is sent again");
      await journal.outbox.markFailed(resent as never, { reason: "amqp/rejected", retry: "never" });
      await journal.setAside.drop("inbox", claim.id);
      await journal.setAside.drop("outbox", "failed");
      assert.equal(await journal.inbox.payload(claim.id), undefined);
      assert.equal(await journal.outbox.payload("failed"), undefined);
      assert.equal(await code(journal.setAside.retry("inbox", claim.id)), "journal/conflict");
    },
  },
];
