import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import type { Logger } from "@helsekontakt/core";
import { createAktivsjekkenClient } from "@helsekontakt/rest-client";
import { metrics, trace } from "@opentelemetry/api";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSigningFetch, type TokenSourceOptions } from "../../src/index.ts";
import { manualClock } from "../_sts.ts";
import { planted, quotingFaults as faults } from "./_faults.ts";
import { type Helseid, listen, sourceOf, startHelseid } from "./_wire.ts";

let helseid: Helseid;
beforeAll(async () => {
  helseid = await startHelseid();
});
afterAll(async () => {
  trace.disable();
  metrics.disable();
  await helseid.close();
});
beforeEach(() => {
  helseid.service.faults.token.clear();
  helseid.service.nonces.policy = "window";
});

function collector(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const write = (...parts: unknown[]): void => void lines.push(inspect(parts, { depth: Infinity, showHidden: true }));
  return { lines, logger: { debug: write, info: write, warn: write, error: write } as unknown as Logger };
}

/** What an application's OpenTelemetry is told, all of it. */
const telemetry: unknown[] = [];
function listenToTelemetry(): void {
  const span = new Proxy(
    {},
    {
      get:
        (_span, name) =>
        (...told: unknown[]) =>
          void telemetry.push([name, told]),
    },
  );
  const instrument = {
    record: (...told: unknown[]) => telemetry.push(told),
    add: (...told: unknown[]) => telemetry.push(told),
  };
  trace.setGlobalTracerProvider({
    getTracer: () => ({ startSpan: (...told: unknown[]) => (telemetry.push(told), span) }) as never,
  });
  metrics.setGlobalMeterProvider({
    getMeter: () => ({ createHistogram: () => instrument, createCounter: () => instrument }) as never,
  });
}

/** What Node writes of an error that nobody catches, with `--report-uncaught-exception`. */
function crashDump(error: Error): string {
  const { report } = process as unknown as { report: { excludeNetwork: boolean; getReport(e: Error): object } };
  report.excludeNetwork = true;
  return JSON.stringify(report.getReport(error));
}

/** Every way in which an error comes to be text. */
function sinks(error: unknown): string[] {
  const e = error as Error & { toJSON?: () => unknown };
  return [
    String(e),
    e.message,
    e.stack ?? "",
    JSON.stringify(e),
    JSON.stringify(Object.getOwnPropertyDescriptors(e)),
    inspect(e, { depth: Infinity, showHidden: true, getters: true }),
    inspect(e.cause, { depth: Infinity, showHidden: true }),
    inspect(structuredCloneOf(e), { depth: Infinity, showHidden: true }),
    crashDump(e),
  ];
}

function structuredCloneOf(error: unknown): unknown {
  try {
    return structuredClone(error);
  } catch {
    return undefined;
  }
}

async function run(options: Partial<TokenSourceOptions>): Promise<string[]> {
  const { lines, logger } = collector();
  const wire = listen();
  const source = sourceOf(helseid, { fetch: wire.fetch, logger, clock: manualClock(), timeoutMs: 300, ...options });
  listenToTelemetry();
  telemetry.length = 0;
  const fetch = createSigningFetch(source, { scopes: [helseid.api.scope] });
  const error: unknown = await fetch(new Request(`${helseid.api.baseUrl}/x`)).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(Error);
  // The same below the REST transport, whose spans an application sends away.
  const client = createAktivsjekkenClient({ baseUrl: helseid.api.baseUrl, fetch, retry: { tries: 1 } });
  const seen: unknown = await client
    .check({ fnrListe: ["01818010083"], omraade: "Helsehjelp" })
    .catch((e: unknown) => e);
  expect(seen).toBeInstanceOf(Error);
  expect(telemetry.length).toBeGreaterThan(2);
  const text = [
    ...sinks(error),
    ...sinks(seen),
    ...lines,
    inspect(telemetry, { depth: Infinity, showHidden: true }),
    inspect(source, { depth: Infinity, showHidden: true }),
  ];
  const secrets = [planted, String(helseid.client.jwk.d), ...wire.secrets];
  expect(wire.secrets.size).toBeGreaterThan(0);
  return secrets.filter((secret) => text.some((t) => t.includes(secret) || t.includes(secret.split(".")[2] || secret)));
}

describe("row 14: leaks", () => {
  it.each(faults)("row 14: no sink shows a secret: %s", async (_name, fault) => {
    helseid.service.faults.token.standing = { fault };
    expect(await run({})).toEqual([]);
  });

  it("row 14: endless nonces, unknown client, refused scope, clock that is off", async () => {
    helseid.service.nonces.policy = "endless";
    expect(await run({})).toEqual([]);
    helseid.service.nonces.policy = "window";
    expect(await run({ clientId: "nobody" })).toEqual([]);
    helseid.service.clockOffsetMs = 3_600_000;
    helseid.service.faults.token.standing = {
      fault: { kind: "status", status: 400, body: { error: "invalid_dpop_proof" } },
    };
    expect(await run({})).toEqual([]);
    helseid.service.clockOffsetMs = 0;
  });

  it("row 14: the spans of calls that succeed hold neither token, proof nor number", async () => {
    const wire = listen();
    listenToTelemetry();
    telemetry.length = 0;
    const fetch = createSigningFetch(sourceOf(helseid, { fetch: wire.fetch }), { scopes: [helseid.api.scope] });
    const client = createAktivsjekkenClient({ baseUrl: helseid.api.baseUrl, fetch, retry: { tries: 1 } });
    await client.check({ fnrListe: ["01818010083"], omraade: "Helsehjelp" }).catch(() => undefined);
    const text = inspect(telemetry, { depth: Infinity, showHidden: true });
    expect(text).toContain("http.response.status_code");
    expect(wire.secrets.size).toBeGreaterThan(2);
    expect([...wire.secrets, "01818010083"].filter((secret) => text.includes(secret))).toEqual([]);
  });

  it.each(["error that quotes", "token of the other kind", "outage"])(
    "row 14: a process that ends by it shows no secret on stderr or in its crash report: %s",
    async (name) => {
      const folder = mkdtempSync(join(tmpdir(), "helsekontakt-crash-"));
      try {
        const standing = faults.find(([n]) => n === name)?.[1];
        if (standing !== undefined) helseid.service.faults.token.standing = { fault: standing };
        const { issuer, client, api } = helseid;
        const options = { issuer, clientId: client.clientId, jwk: client.jwk, scope: api.scope, baseUrl: api.baseUrl };
        // On stdin: the command line stands in the report.
        const child = spawn(
          process.execPath,
          [
            "--conditions=helsekontakt-source",
            "--no-warnings",
            "--report-uncaught-exception",
            `--report-directory=${folder}`,
            "--report-filename=crash.json",
            fileURLToPath(new URL("./_crash-child.ts", import.meta.url)),
          ],
          { stdio: ["pipe", "pipe", "pipe"] },
        );
        child.stdin.end(JSON.stringify(options));
        let [out, err] = ["", ""];
        child.stdout.on("data", (c: Buffer) => (out += c.toString()));
        child.stderr.on("data", (c: Buffer) => (err += c.toString()));
        const [code] = (await once(child, "close")) as [number];
        expect([code === 0, err.includes("HelsekontaktError")]).toEqual([false, true]);
        const secrets = [planted, String(client.jwk.d), ...(JSON.parse(out) as string[])];
        expect(secrets.length).toBeGreaterThan(2);
        const report = readFileSync(join(folder, "crash.json"), "utf8");
        expect(report).toContain("auth/");
        expect(secrets.filter((secret) => (report + err).includes(secret))).toEqual([]);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    30_000,
  );

  it("row 14: a token prints as a hash, wherever it is put", async () => {
    const token = await sourceOf(helseid).getToken({ scopes: [helseid.api.scope] });
    const value = token.accessToken.reveal();
    for (const text of [
      String(token.accessToken),
      `${token.accessToken}`,
      JSON.stringify(token),
      inspect(token, { depth: Infinity, showHidden: true }),
    ])
      expect(text).not.toContain(value);
  });
});
