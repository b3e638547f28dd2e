import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { availableParallelism, getPriority, loadavg } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createSigningFetch, createTokenSource } from "@helsekontakt/helseid";
import { startHelseid } from "@helsekontakt/sandbox";
import { loopHolds, soakHolds, soakPath, type SoakRecord } from "./_helseid-records.ts";

// A soak on a real clock, run by hand, since it lasts as long as it says:
//
//   node --conditions=helsekontakt-source --expose-gc tools/conformance/src/_helseid-soak.ts [SECONDS] [--write]
//
// Faults in 10 % of the token endpoint's answers, 20 tenants with tokens of a minute each; the service has a process of
// its own, so that heap and event loop are the client's alone. `--write` renews the record, which the security table
// reads: only a run of 3600 seconds is the hour that it asks for.

const tenants = Array.from({ length: 20 }, (_, n) => String(910_000_000 + n));

async function serve(): Promise<void> {
  const helseid = await startHelseid({ client: { tenancy: "multi", delegations: tenants } });
  const kinds = [
    { kind: "status", status: 503 },
    { kind: "outage" },
    { kind: "html" },
    { kind: "status", status: 429, retryAfter: "1" },
    { kind: "latency", ms: 2_000 },
  ] as const;
  const { token } = helseid.service.faults;
  let [draws, struck] = [0, 0];
  // Each answer draws once: a fault, and which one, are both by the draw.
  token.random = () => {
    token.standing = { fault: kinds[draws++ % kinds.length] as (typeof kinds)[number], share: 0.1 };
    const draw = Math.random();
    if (draw < 0.1) struck++;
    return draw;
  };
  token.standing = { fault: kinds[0], share: 0.1 };
  process.on("message", () =>
    process.send?.({ grants: helseid.service.issued, asked: helseid.service.asked.token, struck }),
  );
  process.on("disconnect", () => process.exit(0));
  const { issuer, client, api } = helseid;
  process.send?.({ issuer, clientId: client.clientId, jwk: client.jwk, scope: api.scope, baseUrl: api.baseUrl });
}

async function told<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, "message")) as [T];
  return message;
}

async function soak(seconds: number): Promise<SoakRecord> {
  const service = fork(fileURLToPath(import.meta.url), ["serve"], { execArgv: ["--conditions=helsekontakt-source"] });
  const { issuer, clientId, jwk, scope, baseUrl } = await told<
    Record<"issuer" | "clientId" | "scope" | "baseUrl", string> & { jwk: object }
  >(service);
  const source = createTokenSource({ issuer, clientId, key: { jwk: { ...jwk } }, allowInsecureLoopback: true });
  const calls = tenants.map((parent) =>
    createSigningFetch(source, { scopes: [scope], organisation: { tenancy: "multi", parent } }),
  );
  const heap = (): number => {
    (globalThis as { gc?: () => void }).gc?.();
    return Math.round(process.memoryUsage().heapUsed / 1024);
  };
  const delay = monitorEventLoopDelay({ resolution: 10 });
  const heapKb: number[] = [];
  const load: number[] = [];
  let [good, bad] = [0, 0];
  const began = Date.now();
  const warm = Math.min(120, seconds / 4) * 1_000;
  let next = warm;
  for (let n = 0; Date.now() - began < seconds * 1_000; n++) {
    if (Date.now() - began >= next) {
      // What the collection itself holds up is this script's doing.
      delay.disable();
      heapKb.push(heap());
      load.push(Number((loadavg()[0] ?? 0).toFixed(1)));
      delay.enable();
      next += (seconds * 1_000 - warm) / 10;
    }
    const status = await (calls[n % calls.length] as (typeof calls)[number])(new Request(`${baseUrl}/x`)).then(
      async (r) => (await r.text(), r.status),
      () => 0,
    );
    if (status === 200) good++;
    else bad++;
    await sleep(50);
  }
  delay.disable();
  heapKb.push(heap());
  const answer = told<{ grants: number; asked: number; struck: number }>(service);
  service.send("count");
  const { grants, asked, struck } = await answer;
  service.disconnect();
  return {
    seconds,
    calls: good + bad,
    failed: bad,
    grants,
    askedForToken: asked,
    faults: struck,
    heapKb,
    loopDelayP99Ms: Number((delay.percentile(99) / 1e6).toFixed(1)),
    processors: availableParallelism(),
    priority: getPriority(),
    loadAverage: load,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  if (process.argv[2] === "serve") await serve();
  else {
    const record = await soak(Number(process.argv.find((given) => /^\d+$/.test(given)) ?? "3600"));
    const text = `${JSON.stringify(record)}\n`;
    process.stdout.write(text);
    if (process.argv.includes("--write")) writeFileSync(soakPath, text);
    if (!soakHolds(record) || !loopHolds(record)) process.exitCode = 1;
  }
