import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { bare, type Load, ours } from "./_aktivsjekk-load.ts";
import { median, type Row } from "./measure.ts";

const citizens = 1_000_000;
const concurrent = 8;
const rounds = 3;
/**
 * The heap that the client may have, and its young part: without limits both grow with the machine's memory, and the bytes
 * of answers that wait for a collection with them.
 */
const [heapMb, youngMb] = [64, 4];

/** A million citizens against a server with 50 ms latency in another process. */
export async function benchAktivsjekk(): Promise<Row[]> {
  const server = fork(fileURLToPath(new URL("./_aktivsjekk-server.ts", import.meta.url)));
  try {
    const port = await message<number>(server);
    const baseUrl = `http://127.0.0.1:${port}`;
    await ours(baseUrl, 50_000, concurrent);
    await bare(baseUrl, 50_000, concurrent);
    const pairs: (readonly [mine: Load, theirs: Load])[] = [];
    for (let round = 0; round < rounds; round++)
      pairs.push([await ours(baseUrl, citizens, concurrent), await bare(baseUrl, citizens, concurrent)]);
    for (const [mine, theirs] of pairs)
      for (const load of [mine, theirs])
        if (load.citizens !== citizens || load.calls !== citizens / 1_000 || !sameReach(mine, theirs))
          throw new Error(`expected ${citizens} citizens in 1000 calls, found ${load.citizens} in ${load.calls}`);
    const adaptive = await ours(baseUrl, citizens, undefined);
    const { load, tenths } = await inBundle(baseUrl);
    const { tenths: left } = await inBundle(baseUrl, ["--expose-gc"]);
    // The first hundred thousand warm up: code is compiled, and the calls at once find their number.
    const growth = (mb: readonly number[]): number => Math.max(...mb.slice(5)) / Math.max(...mb.slice(0, 2));
    const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
    const of = (pick: (pair: readonly [Load, Load]) => number): number => median(pairs.map(pick));
    return [
      {
        name: "aktivsjekk, a million citizens: time over bare undici with the same concurrency",
        ratio: of(([mine, theirs]) => mine.ms / theirs.ms),
        bound: { kind: "at-most", value: 1.1 },
        note: `${seconds(of(([m]) => m.ms))} s against ${seconds(of(([, t]) => t.ms))} s, ${concurrent} calls at once, median of ${rounds}; CPU ${seconds(of(([m]) => m.cpuMs))} s against ${seconds(of(([, t]) => t.cpuMs))} s`,
      },
      {
        name: "aktivsjekk, the same with concurrency that finds its own level: time over bare undici",
        ratio: adaptive.ms / of(([, theirs]) => theirs.ms),
        note: `${seconds(adaptive.ms)} s, from 2 calls at once to at most 16`,
      },
      {
        name: "aktivsjekk, resident memory of the client's process at most, MB",
        ratio: Math.max(...tenths),
        bound: { kind: "at-most", value: 150 },
        note: `heap limited to ${heapMb} MB, its young part to ${youngMb} MB; by tenths of a million: ${tenths.map((mb) => mb.toFixed(0)).join(" ")}; ${seconds(load.ms)} s`,
      },
      {
        name: "aktivsjekk, memory after a collection at a million over that at a hundred thousand",
        ratio: growth(left),
        bound: { kind: "at-most", value: 1.1 },
        note: `heap and buffers, the second half of the way over the first two tenths; MB by tenths: ${left.map((mb) => mb.toFixed(1)).join(" ")}`,
      },
      {
        name: "aktivsjekk, resident memory, garbage included, at a million over that at a hundred thousand",
        ratio: growth(tenths),
        note: "V8 takes its time with what it may hold",
      },
    ];
  } finally {
    if (server.connected) server.disconnect();
  }
}

function sameReach(a: Load, b: Load): boolean {
  return Object.entries(a.reach).every(([name, count]) => b.reach[name] === count);
}

function message<T>(child: ReturnType<typeof fork>): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once("message", (value) => resolve(value as T));
    child.once("exit", (code) => reject(new Error(`expected a message from the process, it ended with ${code}`)));
  });
}

/** The client as an application runs it: as JavaScript, without this bench beside it. */
async function inBundle(baseUrl: string, flags: readonly string[] = []): Promise<{ load: Load; tenths: number[] }> {
  const dir = mkdtempSync(join(tmpdir(), "bench-aktivsjekk-"));
  try {
    const bundle = await rolldown({
      input: fileURLToPath(new URL("./_aktivsjekk-load.ts", import.meta.url)),
      platform: "node",
      external: ["@opentelemetry/api", "undici"],
      resolve: { conditionNames: ["helsekontakt-source", "import", "node"] },
    });
    const { output } = await bundle.generate({ format: "esm" });
    for (const chunk of output) if (chunk.type === "chunk") writeFileSync(join(dir, chunk.fileName), chunk.code);
    writeFileSync(join(dir, "package.json"), '{"type":"module"}');
    const entry = output.find((c) => c.type === "chunk" && c.isEntry)?.fileName ?? "";
    return await message(
      fork(join(dir, entry), [baseUrl, String(citizens)], {
        execArgv: [`--max-old-space-size=${heapMb}`, `--max-semi-space-size=${youngMb}`, ...flags],
      }),
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
