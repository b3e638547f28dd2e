// E-kontakt: a citizen writes and is answered in the same thread; then the service asks, and the citizen answers.
import { startSandbox } from "@helsekontakt/sandbox";
import { accept, createHelsekontakt, openJournal, plainText, reply, sqliteStore } from "@helsekontakt/sdk";

const sandbox = await startSandbox();
const journal = await openJournal({ store: sqliteStore({ file: ":memory:" }) });
const helsekontakt = createHelsekontakt({ ...sandbox.config, journal });
const [citizen] = sandbox.citizens;
if (citizen === undefined) throw new Error("the sandbox has no citizens");

const answered = new Promise<string>((resolve) => {
  helsekontakt.ekontakt.onMessage((message) => {
    console.log(`${message.kind} with ${message.attachments.length} attachment(s): ${plainText(message.text ?? "")}`);
    if (message.kind === "request") return reply("Takk, nummeret er oppdatert.");
    resolve(message.dialogId);
    return accept();
  });
});
await helsekontakt.start();

const written = await sandbox.counterpart.sendRequest({
  citizen,
  toHerId: "200002",
  subject: "Endret telefonnummer",
  text: "Vi har fått nytt telefonnummer.",
  attachments: [{ mimeType: "application/pdf", description: "Bekreftelse", content: Buffer.from("%PDF-1.4\n%%EOF\n") }],
});
console.log(`our AppRec: ${(await written.receipt()).status}`);

sandbox.counterpart.answers = () => ({ text: "Ja, klokken ti passer." });
const asked = await helsekontakt.ekontakt.ask({
  patient: citizen,
  subject: "Hjemmebesøk",
  text: "Passer det at vi kommer klokken ti?",
  from: "200002",
});
console.log(`the citizen's AppRec: ${(await asked.receipt()).status}`);
console.log(`answered in our thread: ${(await answered) === asked.conversationId}`);

await helsekontakt.stop();
await journal.close();
await sandbox.close();
