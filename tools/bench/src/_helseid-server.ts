import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { startHelseid } from "@helsekontakt/sandbox";

// The sandbox's strict HelseID, and an API that answers every call alike, in a process of their own. Tells its parent
// where they are, and on any message how many token requests came and how many tokens were given.
const helseid = await startHelseid({ client: { tenancy: "multi", delegations: ["999999999"] } });
const body = "{}";
const api = createServer((request, response) => {
  request.resume();
  request.on("end", () => {
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    response.end(body);
  });
});
api.listen(0, "127.0.0.1", () => {
  const { clientId, jwk } = helseid.client;
  process.send?.({
    issuer: helseid.issuer,
    api: `http://127.0.0.1:${(api.address() as AddressInfo).port}/`,
    scope: helseid.api.scope,
    clientId,
    jwk,
  });
});
process.on("message", () => {
  process.send?.({ requests: helseid.service.asked.token, issued: helseid.service.issued });
});
process.on("disconnect", () => process.exit());
