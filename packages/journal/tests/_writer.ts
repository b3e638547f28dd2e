import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { openJournal, sqliteStore } from "../src/index.ts";

// A process to be killed: it queues messages, ten at a time, and takes, sends and receives some, and writes a line for each
// thing that the journal confirmed. `writeSync` to a pipe: the line is out before the next step.
// What it compiled is left to the next one before it is killed.
flushCompileCache();
const [file = "", secret = "", round = "0", size] = process.argv.slice(2);
const journal = await openJournal({
  store: sqliteStore({ file }),
  key: { id: "k", secret: Buffer.from(secret, "hex") },
});
const say = (line: string): number => writeSync(1, `${line}\n`);

// Of a size that is stored in parts: one after the other, out and in.
if (size !== undefined)
  for (let i = 0; ; i++) {
    const messageId = `r${round}-${i}`;
    const payload = Buffer.alloc(Number(size), messageId);
    await journal.outbox.enqueue({ messageId, kind: "D", from: "1", to: "2", payload });
    say(`queued ${messageId}`);
    await journal.inbox.accept({ messageId, kind: "D", from: "2", to: "1", payload });
    say(`received ${messageId}`);
  }

for (let i = 0; ; i += 10) {
  await Promise.all(
    Array.from({ length: 10 }, async (_, n) => {
      const messageId = `r${round}-${i + n}`;
      const payload = Buffer.alloc(5_000, messageId);
      await journal.outbox.enqueue({ messageId, kind: "D", from: "1", to: "2", payload });
      say(`queued ${messageId}`);
    }),
  );
  for (const claim of await journal.outbox.claim({ owner: "writer", limit: 3 })) {
    await journal.outbox.markSent(claim);
    say(`sent ${claim.id}`);
  }
  const messageId = `in-r${round}-${i}`;
  const found = await journal.inbox.accept(
    { messageId, kind: "D", from: "2", to: "1", payload: Buffer.from(messageId) },
    { claim: { owner: "writer" } },
  );
  say(`received ${messageId}`);
  if (found.outcome === "new" && found.claim !== undefined) {
    const reply = { messageId: `re-${messageId}`, kind: "APPREC", from: "1", to: "2", payload: Buffer.from("a") };
    await journal.inbox.handled(found.claim, { replies: [reply] });
    say(`handled ${messageId}`);
  }
}
