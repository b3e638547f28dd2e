import { afterEach, describe, expect, it } from "vitest";
import { type Journal, openJournal, sqliteStore, type Store } from "./index.ts";

const journals: Journal[] = [];
afterEach(async () => {
  for (const journal of journals.splice(0)) await journal.close();
});

/** The embedded store, with its reads counted. */
function counted(): { readonly store: Store; reads: number } {
  const inner = sqliteStore({ file: ":memory:" });
  const counts = { reads: 0 };
  const store: Store = {
    ...inner,
    async open(...args) {
      const opened = await inner.open(...args);
      return new Proxy(opened, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name, target);
          if (typeof value !== "function") return value;
          return (...given: unknown[]) => {
            if (name === "read") counts.reads++;
            return (value as (...a: unknown[]) => unknown).apply(target, given);
          };
        },
      });
    },
  };
  return Object.defineProperty({ store, reads: 0 }, "reads", { get: () => counts.reads });
}

async function opened(count: number): Promise<{ journal: Journal; reads: () => number }> {
  const bench = counted();
  const journal = await openJournal({ store: bench.store });
  journals.push(journal);
  for (let n = 0; n < count; n++)
    await journal.outbox.enqueue({
      messageId: `m${n}`,
      msgId: `h${n}`,
      kind: "DIALOG_INNBYGGER_EKONTAKT",
      from: "100",
      to: "200",
      payload: new Uint8Array([1]),
      expectsReceipt: true,
    });
  return { journal, reads: () => bench.reads };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("outbox.wait()", () => {
  it("looks for all that are waited for in one statement", async () => {
    const count = 200;
    const { journal, reads } = await opened(count);
    const stop = new AbortController();
    const waits = Array.from({ length: count }, (_, n) =>
      journal.outbox.wait(`m${n}`, { pollMs: 20, signal: stop.signal }).catch(() => "given up"),
    );
    await pause(100);
    const [before, begun] = [reads(), performance.now()];
    await pause(200);
    const turns = (performance.now() - begun) / 20;
    // Each would be 200 a turn; a slow turn may be seen by a few as two.
    expect(reads() - before).toBeLessThan(4 * turns + 4);
    expect(reads() - before).toBeGreaterThan(0);
    stop.abort();
    expect(new Set(await Promise.all(waits))).toEqual(new Set(["given up"]));
  });

  it("ends for each with its own answer", async () => {
    const { journal } = await opened(30);
    const waits = Array.from({ length: 30 }, (_, n) => journal.outbox.wait(`m${n}`, { pollMs: 60_000 }));
    for (let n = 0; n < 30; n++) {
      const [claim] = await journal.outbox.claim({ owner: "o", limit: 1 });
      if (claim === undefined) throw new Error("expected a message to send, found none");
      await journal.outbox.markSent(claim);
      await journal.receipts.record({
        receiptId: `r${n}`,
        originalMsgId: `h${n}`,
        from: "200",
        accepted: n % 2 === 0,
        errors: n % 2 === 0 ? [] : [{ code: "E10" }],
      });
    }
    const ends = await Promise.all(waits);
    expect(ends.map((e) => [e.msgId, e.application])).toEqual(
      Array.from({ length: 30 }, (_, n) => [`h${n}`, n % 2 === 0 ? "accepted" : "rejected"]),
    );
  });

  it("is no part of the transaction in whose work it begins", async () => {
    const { journal } = await opened(1);
    let wait: Promise<unknown> | undefined;
    await journal.transaction(async () => {
      wait = journal.outbox.wait("m0", { pollMs: 5 });
      await pause(30);
    });
    await journal.outbox.cancel("m0", "withdrawn");
    expect(await wait).toMatchObject({ transport: "failed", reason: "withdrawn" });
  });
});
