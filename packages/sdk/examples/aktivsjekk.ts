// HelsenorgeAktivSjekken: who can be reached digitally.
import { startSandbox } from "@helsekontakt/sandbox";
import { createHelsekontakt } from "@helsekontakt/sdk";

const sandbox = await startSandbox();
const { aktivsjekk } = createHelsekontakt(sandbox.config);

const numbers = sandbox.citizens.slice(0, 2_500).map((citizen) => citizen.fnr);
const { counts, citizens, calls } = await aktivsjekk.check(numbers, {
  omraade: "Helsehjelp",
  onProgress: ({ checked, total }) => console.log(`${checked} of ${total}`),
});

console.log(`${calls} calls:`, counts);
const assigned = citizens.filter((citizen) => citizen.tildeltFullmakt);
console.log(`${assigned.length} have been given a representative: write to the representative only`);

await sandbox.close();
