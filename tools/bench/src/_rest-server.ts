import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

// A server in a process of its own: it answers every POST with one status, and tells its parent the port.
const body = JSON.stringify({
  erAktivListe: {
    "01818010083": { erDigitaltAktivSelv: true, erDigitaltAktivViaAndre: false, tildeltFullmakt: false },
  },
});
const server = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    response.end(body);
  });
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());
