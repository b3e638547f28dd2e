import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJournal, sqliteStore } from "@helsekontakt/journal";

// One message out and its AppRec back. The dispatcher and the receiver are played by the lines between.
const directory = mkdtempSync(join(tmpdir(), "journal-example-"));
const journal = await openJournal({
  store: sqliteStore({ file: join(directory, "journal.db") }),
  key: { id: "2026-11", secret: randomBytes(32) },
});

const { id } = await journal.outbox.enqueue({
  kind: "DIALOG_INNBYGGER_KOORDINERING",
  msgId: crypto.randomUUID(),
  from: "200004",
  to: "79768",
  payload: new TextEncoder().encode("<MsgHead/>"),
  expectsReceipt: true,
});
console.log("stored:", (await journal.outbox.get(id))?.transport);

const answer = journal.outbox.wait(id);
for (const claim of await journal.outbox.claim({ owner: "dispatcher-1" })) {
  // Here the dispatcher signs, encrypts and sends claim.payload under claim.messageId.
  await journal.outbox.markSent(claim);
  const { outcome } = await journal.receipts.record({
    receiptId: crypto.randomUUID(),
    originalMsgId: claim.msgId ?? "",
    from: claim.to,
    accepted: false,
    errors: [{ code: "E35" }],
  });
  console.log("receipt:", outcome);
}
const { transport, application } = await answer;
console.log("settled:", transport, application);

await journal.close();
rmSync(directory, { recursive: true });
