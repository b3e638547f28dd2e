// Notifikasjon Helsekontakt: a citizen gets a health contact, and the AppRec tells what became of it.
import { startSandbox } from "@helsekontakt/sandbox";
import { createHelsekontakt, openJournal, sqliteStore } from "@helsekontakt/sdk";

const sandbox = await startSandbox();
const journal = await openJournal({ store: sqliteStore({ file: ":memory:" }) });
const helsekontakt = createHelsekontakt({ ...sandbox.config, journal });
await helsekontakt.start();

const contact = {
  team: { name: "Helsesykepleier, Nord skole", members: [{ role: "Helsesykepleier" }, { role: "Skolelege" }] },
  from: "2026-11-25",
  access: "N" as const,
};

for (const status of ["self", "none"]) {
  const citizen = sandbox.citizens.find((c) => c.status === status);
  if (citizen === undefined) throw new Error(`the sandbox has no citizen of status ${status}`);
  const sent = await helsekontakt.notifikasjon.send({ patient: citizen, contact, from: "200003" });
  console.log(`journalled: ${sent.size} bytes of XML`);
  const receipt = await sent.receipt();
  if (receipt.status === "not-active")
    console.log("not active (E35): mark the citizen, do not send again", receipt.errors);
  else console.log(`AppRec: ${receipt.status}`);
}

await helsekontakt.stop();
await journal.close();
await sandbox.close();
