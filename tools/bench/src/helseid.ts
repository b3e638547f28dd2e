import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { createSigningFetch, createTokenSource, type TokenSource } from "@helsekontakt/helseid";
import { rolldown } from "rolldown";
import { median, type Row } from "./measure.ts";

interface Place {
  readonly issuer: string;
  readonly api: string;
  readonly scope: string;
  readonly clientId: string;
  readonly jwk: Readonly<Record<string, unknown>>;
}

const concurrent = 16;

/** What tokens cost: kept ones, bound calls beside bearer calls, requests for a grant, and the weight of the entry. */
export async function benchHelseid(): Promise<Row[]> {
  const server = fork(fileURLToPath(new URL("./_helseid-server.ts", import.meta.url)));
  try {
    const place = await next<Place>(server);
    return [await cached(place), await bound(place), ...(await grants(server, place)), ...(await weight())];
  } finally {
    server.disconnect();
  }
}

function next<T>(server: ChildProcess): Promise<T> {
  return new Promise((resolve) => server.once("message", (message) => resolve(message as T)));
}

function sourceAt({ issuer, clientId, jwk }: Place): TokenSource {
  return createTokenSource({ issuer, clientId, key: { jwk }, allowInsecureLoopback: true });
}

async function cached(place: Place): Promise<Row> {
  const source = sourceAt(place);
  const request = {
    scopes: [place.scope],
    organisation: { tenancy: "multi", parent: "999999999", child: "999999998" },
  } as const;
  const micros: number[] = [];
  for (let round = 0; round < 12; round++) {
    // Time of this process's processor: it does nothing but compute, and on a machine that others use, too, the clock
    // on the wall measures them.
    const before = process.cpuUsage();
    for (let n = 0; n < 20_000; n++) await source.getToken(request);
    const { user, system } = process.cpuUsage(before);
    if (round > 2) micros.push((user + system) / 20_000);
  }
  return {
    name: "a token from the cache, microseconds of the processor",
    ratio: median(micros),
    bound: { kind: "at-most", value: 10 },
    note: "median of 9 rounds of 20,000, one after another",
  };
}

/** CPU of this process alone, in rounds that take turns: the servers work in another one. */
async function bound(place: Place): Promise<Row> {
  const source = sourceAt(place);
  const call = (scheme: "dpop" | "bearer"): (() => Promise<unknown>) => {
    const send = createSigningFetch(source, { scopes: [place.scope], scheme });
    return async () => (await send(new Request(place.api))).text();
  };
  const [dpop, bearer] = [call("dpop"), call("bearer")];
  for (const warm of [dpop, bearer]) await cpuPerCall(warm, 1_500);
  const [dpops, bearers]: [number[], number[]] = [[], []];
  for (let round = 0; round < 9; round++) {
    dpops.push(await cpuPerCall(dpop, 1_000));
    bearers.push(await cpuPerCall(bearer, 1_000));
  }
  return {
    name: "a call with DPoP (ES256), CPU of the client, times a bearer call",
    ratio: median(dpops.map((d, i) => d / (bearers[i] ?? Number.NaN))),
    bound: { kind: "at-most", value: 2.2 },
    note: `${median(dpops).toFixed(0)} against ${median(bearers).toFixed(0)} microseconds, ${concurrent} at once`,
  };
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

async function grants(server: ChildProcess, place: Place): Promise<Row[]> {
  const counted = async (work: () => Promise<unknown>): Promise<{ requests: number; issued: number }> => {
    const ask = async (): Promise<{ requests: number; issued: number }> => {
      const answer = next<{ requests: number; issued: number }>(server);
      server.send("count");
      return answer;
    };
    const before = await ask();
    await work();
    const after = await ask();
    return { requests: after.requests - before.requests, issued: after.issued - before.issued };
  };
  const source = sourceAt(place);
  const cold = await counted(() =>
    Promise.all(Array.from({ length: 10_000 }, () => source.getToken({ scopes: [place.scope] }))),
  );
  const warm = await counted(() =>
    source.getToken({ scopes: [place.scope], organisation: { tenancy: "multi", parent: "999999999" } }),
  );
  return [
    {
      name: "grants for 10,000 callers that come at once with nothing in the cache",
      ratio: cold.issued,
      bound: { kind: "at-most", value: 1 },
      note: `${cold.requests} requests: the first is answered with a nonce`,
    },
    {
      name: "requests for a further grant",
      ratio: warm.requests,
      bound: { kind: "at-most", value: 1 },
      note: `${warm.issued} token`,
    },
  ];
}

/** What is loaded before the first call. */
async function weight(): Promise<Row[]> {
  const entry = fileURLToPath(new URL("./_helseid-entry.js", import.meta.url));
  const bundle = await rolldown({
    input: { index: "entry" },
    platform: "node",
    resolve: { conditionNames: ["helsekontakt-source", "import", "node"] },
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === "entry" ? entry : null),
        load: (id) =>
          id === entry ? 'export { createSigningFetch, createTokenSource } from "@helsekontakt/helseid";' : null,
      },
    ],
  });
  const { output } = await bundle.generate({ format: "esm", minify: true });
  const chunks = new Map(output.flatMap((c) => (c.type === "chunk" ? [[c.fileName, c] as const] : [])));
  const closure = (name: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(name) || !chunks.has(name)) return seen;
    seen.add(name);
    for (const other of chunks.get(name)?.imports ?? []) closure(other, seen);
    return seen;
  };
  // As one file each: into how many pieces a bundler cuts what is loaded together is its own affair.
  const size = (names: Iterable<string>): number =>
    gzipSync([...names].map((n) => chunks.get(n)?.code ?? "").join("\n")).length / 1000;
  const first = closure("index.js");
  const grant = [...chunks.keys()].find((n) => n.startsWith("token-request")) ?? "";
  const withGrant = closure(grant, new Set(first));
  const rest = [...chunks.keys()].filter((n) => !withGrant.has(n));
  return [
    {
      name: "createTokenSource and createSigningFetch with oauth4webapi and core, kB min+gzip",
      ratio: size(first),
      bound: { kind: "at-most", value: 12 },
      note: `all that a call with a kept token needs; ${size(withGrant).toFixed(1)} kB with what asks for tokens, loaded with the first; ${size(rest).toFixed(1)} kB more on demand (faults explained, other forms of keys)`,
    },
  ];
}
