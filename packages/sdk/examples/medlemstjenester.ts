// Medlemstjenester: offerings for all members of an organisation, then the members; who is not active is tried again.
import { startSandbox } from "@helsekontakt/sandbox";
import { createHelsekontakt, openJournal, sqliteStore } from "@helsekontakt/sdk";

const sandbox = await startSandbox();
const journal = await openJournal({ store: sqliteStore({ file: ":memory:" }) });
const { medlemstjenester, members: register } = createHelsekontakt({ ...sandbox.config, journal });

const { size } = await medlemstjenester.publish([
  {
    id: "1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a01",
    name: "Studenthelsetjenesten",
    herId: "200004",
    location: { line: "Eksempelveien 1", postalCode: "0001", city: "Oslo", phone: "12345678" },
  },
]);
console.log(`offerings: a Bundle of ${size} bytes`);

const span = { from: "2026-08-01", to: "2027-07-31" };
const members = sandbox.citizens.slice(0, 20).map(({ fnr }) => ({ fnr, ...span }));
const { counts, calls } = await medlemstjenester.register(members, { batchSize: 10, retryAfterMs: 0 });
console.log(`members in ${calls} calls:`, counts);

const waiting = await medlemstjenester.due();
for (const { person } of waiting) sandbox.setStatus(person.reveal(), "self"); // they have logged in by now
const again = await medlemstjenester.register(waiting.map(({ person }) => ({ fnr: person, ...span })));
console.log(`tried again:`, again.counts);

// The register reconciles itself: a whole list in, only what differs from what Helsenorge acknowledged goes out.
const wanted = members.slice(1).map((member, n) => (n === 0 ? { ...member, to: "2027-12-31" } : member));
const report = await register.reconcile(wanted);
console.log("reconciled:", report.changes, report.results);

await journal.close();
await sandbox.close();
