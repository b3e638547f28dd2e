import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Row } from "./measure.ts";

/** One second of the service is ten milliseconds here. */
const scale = 100;
const people = 300_000;

interface RunFacts {
  readonly sendMs: number;
  readonly readMs: number;
  readonly calls: number;
  readonly members: number;
  readonly setAside: number;
  readonly reasons: unknown;
  readonly timeouts: number;
  readonly splits: number;
  readonly largest: number;
  readonly unchanged: number;
  readonly stopped?: unknown;
}
interface Measured {
  readonly load: RunFacts;
  readonly change: RunFacts;
  readonly fixed: readonly { readonly size: number; readonly perSecond: number }[];
  readonly memory: readonly number[];
}
interface Counts {
  readonly calls: number;
  readonly unanswered: number;
  readonly largest: number;
  readonly repeatedTooOften: number;
}

/** The heap that a client may have: a run that keeps what it has read ends for want of it. */
const heapMb = 96;

function start<T>(
  name: string,
  args: readonly string[],
  flags: readonly string[] = [],
): { first: Promise<T>; end: () => void } {
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), args, {
    execArgv: ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning", ...flags],
  });
  const first = new Promise<T>((resolve, reject) => {
    child.once("message", (message) => resolve(message as T));
    child.once("exit", (code) => reject(new Error(`expected a message from ${name}, it ended with ${code}`)));
  });
  return { first, end: () => child.connected && child.disconnect() };
}

/** The member register against a service at its stated limits, in scaled time: first load, change, best fixed size. */
export async function benchMembers(): Promise<Row[]> {
  const server = start<number>("./_members-limits.ts", [String(scale)]);
  const port = await server.first;
  const client = start<Measured>(
    "./_members-load.ts",
    [String(port), String(scale), String(people)],
    [`--max-old-space-size=${heapMb}`],
  );
  const { load, change, fixed, memory } = await client.first;
  const counts = (await (await fetch(`http://127.0.0.1:${port}/counts`)).json()) as Counts;
  server.end();
  for (const [run, expected] of [
    [load, people],
    [change, people / 100],
  ] as const)
    if (run.stopped !== undefined || run.members + run.setAside !== expected)
      throw new Error(
        `expected ${expected} members to be accepted, found ${run.members}: ${JSON.stringify(run.reasons)}`,
      );
  const best = fixed.reduce((a, b) => (b.perSecond > a.perSecond ? b : a));
  const perSecond = (load.members * 1_000) / load.sendMs;
  const [early, late] = [Math.max(...memory.slice(1, 11)), Math.max(...memory.slice(11))];
  const scaled = `1:${scale}`;
  return [
    {
      name: "members, first load of 300,000: throughput of adapting lists over the best fixed size",
      ratio: perSecond / best.perSecond,
      bound: { kind: "at-least", value: 0.9 },
      note: `${Math.round(perSecond)}/s in ${load.calls} calls, largest ${load.largest}; best fixed ${best.size} with ${Math.round(best.perSecond)}/s, of ${fixed.map((f) => f.size).join(", ")}; time scaled ${scaled}`,
    },
    {
      name: "members, lists sent a third time as they are after two calls above 15 s",
      ratio: counts.repeatedTooOften,
      bound: { kind: "at-most", value: 0 },
      note: `${counts.unanswered} of ${counts.calls} calls without an answer in 15 s (scaled ${scaled}), ${load.splits} lists halved and ${load.setAside} members set aside in the first load`,
    },
    {
      name: "members, change of 1 %: time to send per member over that of the first load",
      ratio: (change.sendMs / change.members) * (load.members / load.sendMs),
      // Every hundredth member is on a page of its own; those of a first load share theirs.
      bound: { kind: "at-most", value: 2 },
      note: `${change.sendMs} ms for ${change.members} members in ${change.calls} calls, ${change.unchanged} unchanged; first load ${load.sendMs} ms`,
    },
    {
      name: "members, change of 1 %: time to read and compare the input of 300,000, seconds",
      ratio: change.readMs / 1_000,
      note: `reading and storing the first load took ${(load.readMs / 1_000).toFixed(1)} s`,
    },
    {
      name: "members, resident memory while sending over that while reading",
      ratio: late / early,
      bound: { kind: "at-most", value: 1.25 },
      note: `heap limited to ${heapMb} MB; resident MB by tenths: ${memory.join(" ")}`,
    },
  ];
}
