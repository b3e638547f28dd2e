// Tjenesteoversikt: the complete list of a citizen's home care services. Deprecated for new actors.
import { startSandbox } from "@helsekontakt/sandbox";
import { createHelsekontakt, openJournal, sqliteStore } from "@helsekontakt/sdk";

const sandbox = await startSandbox();
const journal = await openJournal({ store: sqliteStore({ file: ":memory:" }) });
const helsekontakt = createHelsekontakt({ ...sandbox.config, journal });
await helsekontakt.start();

const [patient] = sandbox.citizens;
if (patient === undefined) throw new Error("the sandbox has no citizens");
const services = [
  { id: "HJ-1001", name: "Hjemmesykepleie", from: "2026-09-01", to: "2026-12-31", deliveredBy: "Sone Nord" },
  { id: "HJ-1002", name: "Praktisk bistand", from: "2026-10-01", url: "https://www.example.org/hjemmetjenesten" },
];

for (const list of [services, []]) {
  const sent = await helsekontakt.tjenesteoversikt.send({ patient, services: list, from: "200002" });
  const receipt = await sent.receipt();
  const kept = [...sandbox.counterpart.serviceLists.values()][0]?.length;
  console.log(`list of ${list.length}, ${sent.size} bytes: ${receipt.status}; Helsenorge holds ${kept}`);
}

await helsekontakt.stop();
await journal.close();
await sandbox.close();
