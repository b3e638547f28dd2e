import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { createSigningFetch, createTokenSource } from "@helsekontakt/helseid";
import { startHelseid } from "@helsekontakt/sandbox";

// A soak on a real clock, run by hand: `node --conditions=helsekontakt-source --expose-gc _helseid-soak.ts [SECONDS]`.
// Faults in 10 % of the token endpoint's answers; the service runs in this process, so its work is in the loop delay.
// The record says how long it ran: only a run of 3600 seconds is the hour that the table asks for.

const seconds = Number(process.argv[2] ?? "3600");
const helseid = await startHelseid();
const { token } = helseid.service.faults;
const source = createTokenSource({
  issuer: helseid.issuer,
  clientId: helseid.client.clientId,
  key: { jwk: { ...helseid.client.jwk } },
  allowInsecureLoopback: true,
});
const call = createSigningFetch(source, { scopes: [helseid.api.scope] });
const kinds = [
  { kind: "status", status: 503 },
  { kind: "outage" },
  { kind: "html" },
  { kind: "status", status: 429, retryAfter: "1" },
  { kind: "latency", ms: 2_000 },
] as const;
const heap = (): number => {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed;
};
const delay = monitorEventLoopDelay({ resolution: 10 });
let [good, bad] = [0, 0];
let first = 0;
const end = Date.now() + seconds * 1_000;
const warm = Date.now() + Math.min(30, seconds / 4) * 1_000;
while (Date.now() < end) {
  if (first === 0 && Date.now() > warm) {
    first = heap();
    delay.enable();
  }
  token.standing = { fault: kinds[good % kinds.length] as (typeof kinds)[number], share: 0.1 };
  const status = await call(new Request(`${helseid.api.baseUrl}/x`)).then(
    async (r) => (await r.text(), r.status),
    () => 0,
  );
  if (status === 200) good++;
  else bad++;
  await sleep(50);
}
delay.disable();
const last = heap();
process.stdout.write(
  `${JSON.stringify({ seconds, calls: good + bad, failed: bad, grants: helseid.service.issued, asked: helseid.service.asked.token, heapGrowthKb: Math.round((last - first) / 1024), loopDelayP99Ms: Number((delay.percentile(99) / 1e6).toFixed(1)) })}\n`,
);
await helseid.close();
