// Asks a small stand-in for HelsenorgeAktivSjekken on loopback. Run from the repository's root:
//   node --conditions=helsekontakt-source packages/rest-client/examples/aktivsjekken.ts
import { createAktivsjekkenClient } from "@helsekontakt/rest-client";
import { json, startServer } from "../tests/_server.ts";

const server = await startServer(
  json(200, {
    erAktivListe: {
      "01818010083": { erDigitaltAktivSelv: true, erDigitaltAktivViaAndre: false, tildeltFullmakt: false },
    },
  }),
);
const client = createAktivsjekkenClient({
  baseUrl: server.url, // https://eksternapi.hn2.test.nhn.no at NHN
  // fetch: createSigningFetch(tokenSource, { scopes: ["nhn:helsenorge.eksternapi/helsenorgeaktivsjekken"] }),
});
const statuses = await client.check({ fnrListe: ["01818010083", "17851360018"], omraade: "Helsehjelp" });
console.log(
  `asked 2, answered ${statuses.size}, active ${[...statuses.values()].filter((s) => s.erDigitaltAktivSelv).length}`,
);
await server.close();
