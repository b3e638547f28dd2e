import { execFileSync, fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { createAktivsjekkenClient } from "@helsekontakt/rest-client";
import createClient from "openapi-fetch";
import { rolldown } from "rolldown";
import { Pool } from "undici";
import { median, type Row } from "./measure.ts";

const path = "/aktivsjekken/api/v1/AktivSjekk";
const body = { fnrListe: ["01818010083"], omraade: "Helsehjelp" as const };
const concurrent = 16;

/** The pipeline beside what it is built on, and what it weighs. */
export async function benchRest(): Promise<Row[]> {
  return [...(await overhead()), ...(await weight())];
}

/** CPU of this process alone, in rounds that take turns: the server works in another one. */
async function overhead(): Promise<Row[]> {
  const server = fork(fileURLToPath(new URL("./_rest-server.ts", import.meta.url)));
  const port = await new Promise((resolve) => server.once("message", resolve));
  const baseUrl = `http://127.0.0.1:${String(port)}`;
  const pool = new Pool(baseUrl, { connections: concurrent });
  const bare = createClient<{ [path]: { post: Post } }>({ baseUrl, redirect: "error" });
  const ours = createAktivsjekkenClient({ baseUrl });
  const text = JSON.stringify(body);
  const headers = { "content-type": "application/json" };
  const peers = {
    request: async () => (await pool.request({ path, method: "POST", headers, body: text })).body.json(),
    fetch: async () => (await fetch(baseUrl + path, { method: "POST", headers, body: text })).json(),
    openapi: async () => (await bare.POST(path, { body })).data,
    ours: () => ours.check(body),
  };
  const names = Object.keys(peers) as (keyof typeof peers)[];
  const micros: Record<keyof typeof peers, number[]> = { request: [], fetch: [], openapi: [], ours: [] };
  for (const name of names) await cpuPerCall(peers[name], 2_000);
  for (let round = 0; round < 7; round++)
    for (const name of names) micros[name].push(await cpuPerCall(peers[name], 1_500));
  await pool.close();
  server.disconnect();
  const cpu = (name: keyof typeof peers): number => median(micros[name]);
  const row = (peer: keyof typeof peers, label: string): Row => ({
    name: `a call through the pipeline, CPU of the client, times ${label}`,
    ratio: median(micros.ours.map((m, i) => m / (micros[peer][i] ?? Number.NaN))),
    note: `${cpu("ours").toFixed(0)} against ${cpu(peer).toFixed(0)} microseconds, ${concurrent} at once`,
  });
  return [row("request", "undici.request"), row("fetch", "bare fetch"), row("openapi", "bare openapi-fetch")];
}

interface Post {
  requestBody: { content: { "application/json": typeof body } };
  responses: { 200: { content: { "application/json": unknown } } };
}

async function cpuPerCall(call: () => Promise<unknown>, calls: number): Promise<number> {
  const before = process.cpuUsage();
  let left = calls;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: concurrent }, worker));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

/** What is loaded at the start; undici and the XML codec are loaded when a setting or an answer asks for them. */
async function weight(): Promise<Row[]> {
  const dir = mkdtempSync(join(tmpdir(), "bench-rest-"));
  try {
    const entry = fileURLToPath(new URL("./_rest-entry.js", import.meta.url));
    const bundle = await rolldown({
      input: { index: "entry" },
      platform: "node",
      external: ["@opentelemetry/api"],
      resolve: { conditionNames: ["helsekontakt-source", "import", "node"] },
      plugins: [
        {
          name: "entry",
          resolveId: (id) => (id === "entry" ? entry : null),
          load: (id) =>
            id === entry ? 'export * from "@helsekontakt/rest-client"; export * from "@helsekontakt/helseid";' : null,
        },
      ],
    });
    const { output } = await bundle.generate({ format: "esm", minify: true });
    const chunks = new Map(output.flatMap((c) => (c.type === "chunk" ? [[c.fileName, c] as const] : [])));
    const first = new Set<string>();
    const visit = (name: string): void => {
      if (first.has(name) || !chunks.has(name)) return;
      first.add(name);
      for (const next of chunks.get(name)?.imports ?? []) visit(next);
    };
    visit("index.js");
    const size = (names: Iterable<string>): number =>
      [...names].reduce((sum, n) => sum + gzipSync(chunks.get(n)?.code ?? "").length, 0) / 1000;
    for (const [name, chunk] of chunks) writeFileSync(join(dir, name), chunk.code);
    writeFileSync(join(dir, "package.json"), '{"type":"module"}');
    const script = `const t=performance.now();await import(${JSON.stringify(join(dir, "index.js"))});console.log(performance.now()-t)`;
    const times = Array.from({ length: 7 }, () =>
      Number(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" })),
    );
    const later = [...chunks.keys()].filter((n) => !first.has(n));
    return [
      {
        name: "rest-client and helseid with dependencies, kB min+gzip at the start",
        ratio: size(first),
        bound: { kind: "at-most", value: 60 },
        note: `${size(later).toFixed(0)} kB more in ${later.length} chunks that are loaded on demand: undici, the XML codec`,
      },
      {
        name: "their import, ms",
        ratio: median(times),
        bound: { kind: "at-most", value: 100 },
        note: "median of 7 new processes",
      },
    ];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
