/**
 * The embedded journal's side of the run with a large message, one way in a process of its own so that its memory is its own:
 * stores small messages first, then some of the size asked for, from the first call to the last change of their state, and
 * says how much more memory the first of them took at its peak and how long each held the event loop.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJournal, sqliteStore } from "@helsekontakt/journal";
import { document, peak, settle, watchLoop } from "./_large-message-watch.ts";

const { way, bytes, times } = JSON.parse(process.argv[2] ?? "") as {
  readonly way: "out" | "in" | "retention";
  readonly bytes: number;
  readonly times: number;
};
const owner = "large-message";
const directory = mkdtempSync(join(tmpdir(), "helsekontakt-large-"));
const key = { id: "large", secret: randomBytes(32) };
const journal = await openJournal({ store: sqliteStore({ file: join(directory, "journal.db") }), key });

async function out(messageId: string, payload: Buffer): Promise<void> {
  await journal.outbox.enqueue({ messageId, kind: "DIALOG_INNBYGGER_TEST", from: "1", to: "2", payload });
  const [claim] = await journal.outbox.claim({ owner });
  if (claim === undefined || Buffer.compare(claim.payload, payload) !== 0)
    throw new Error("expected the message as it was stored");
  await journal.outbox.markSent(claim);
}

/** Taken twice, so that the payload is read from the store as well. */
async function arrive(messageId: string, payload: Buffer): Promise<void> {
  const found = await journal.inbox.accept(
    { messageId, kind: "DIALOG_INNBYGGER_TEST", from: "2", to: "1", payload },
    { claim: { owner } },
  );
  if (found.outcome !== "new" || found.claim === undefined) throw new Error("expected a new message");
  await journal.inbox.retry(found.claim, { reason: "message/handler-failed", retryAt: 0 });
  const [claim] = await journal.inbox.claim({ owner });
  if (claim === undefined || Buffer.compare(claim.payload, payload) !== 0)
    throw new Error("expected the message as it was stored");
  await journal.inbox.handled(claim);
}

const retention = async (): Promise<void> => void (await journal.prune({ payloadBytesAtMost: 0 }));
const work = { out, in: arrive, retention }[way];

try {
  for (let i = 0; i < 8; i++) {
    if (way !== "in") await out(`small-${i}`, document(100_000));
    await work(`small-${i}-${way}`, document(100_000));
  }
  const payload = document(bytes);
  await settle();
  // The peak of the small ones is below what is resident now, or counts as theirs.
  const before = Math.max(peak(), process.memoryUsage().rss);
  let extra: number | undefined;
  const tries: { cpu: number; wall: number }[] = [];
  for (let i = 0; i < times; i++) {
    if (way === "retention") await out(`before-${i}`, payload);
    const ended = watchLoop();
    await work(`large-${i}`, payload);
    tries.push(ended());
    extra ??= peak() - before;
  }
  process.send?.({ extra, before, tries });
  await journal.close();
} finally {
  rmSync(directory, { recursive: true });
}
