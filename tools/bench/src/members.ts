import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Row } from "./measure.ts";

/**
 * One second of the service is this much less here: calls are sized for three quarters of a second, far above what timers
 * err and what a machine with other work makes a process wait; the first load's calls take a minute and a half in all.
 */
const scale = 10;
/** Members of the fixed sizes' register. */
const sample = 12_000;
const parallel = 4;

interface InCalls {
  readonly ms: number;
  readonly members: number;
}
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
  readonly inCalls: InCalls;
}
interface Measured {
  readonly load: RunFacts;
  readonly change: RunFacts;
  readonly memory: readonly number[];
}
type Searched = readonly { readonly size: number; readonly inCalls: InCalls }[];
interface Counts {
  readonly calls: number;
  readonly unanswered: number;
  readonly largest: number;
  readonly repeatedTooOften: number;
}

/** The heap that a client may have: a run that keeps what it has read ends for want of it. */
const heapMb = 96;

function start(name: string, args: readonly (string | number)[], flags: readonly string[] = []): ChildProcess {
  return fork(fileURLToPath(new URL(name, import.meta.url)), args.map(String), {
    execArgv: ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning", ...flags],
  });
}

/** The child's next message; an end without one is a fault. */
async function told<T>(child: ChildProcess): Promise<T> {
  const end = new AbortController();
  try {
    return await Promise.race([
      once(child, "message", { signal: end.signal }).then(([message]) => message as T),
      once(child, "exit", { signal: end.signal }).then(([code, signal]) => {
        throw new Error(`expected a message from a process of the bench, it ended with ${code ?? signal}`);
      }),
    ]);
  } finally {
    end.abort();
  }
}

async function service(): Promise<{ readonly port: number; counts(): Promise<Counts>; end(): void }> {
  const child = start("./_members-limits.ts", [scale]);
  const port = await told<number>(child);
  return {
    port,
    counts: async () => (await (await fetch(`http://127.0.0.1:${port}/counts`)).json()) as Counts,
    end: () => void child.disconnect(),
  };
}

const perSecond = ({ ms, members }: InCalls): number => (members * 1_000) / ms;

/**
 * The member register against a service at its stated limits, in scaled time: first load, change, and, at the same time as
 * the first load sends and against a service of its own, the search for the best fixed size.
 */
export async function benchMembers(people = 300_000): Promise<Row[]> {
  const [server, other] = await Promise.all([service(), service()]);
  const client = start(
    "./_members-load.ts",
    ["adapting", server.port, scale, people, parallel],
    [`--max-old-space-size=${heapMb}`],
  );
  await told<"sending">(client);
  const search = start("./_members-load.ts", ["fixed", other.port, scale, sample, parallel]);
  const searched = told<Searched>(search);
  await told<"sent">(client);
  search.send("end");
  const [{ load, change, memory }, fixed] = await Promise.all([told<Measured>(client), searched]);
  const counts = await server.counts();
  server.end();
  other.end();
  for (const [run, expected] of [
    [load, people],
    [change, people / 100],
  ] as const)
    if (run.stopped !== undefined || run.members + run.setAside !== expected)
      throw new Error(
        `expected ${expected} members to be accepted, found ${run.members}: ${JSON.stringify(run.reasons)}`,
      );
  const best = fixed.reduce((a, b) => (perSecond(b.inCalls) > perSecond(a.inCalls) ? b : a));
  const [early, late] = [Math.max(...memory.slice(1, 11)), Math.max(...memory.slice(11))];
  const scaled = `1:${scale}`;
  return [
    {
      name: `members, first load of ${people}: throughput of adapting lists over the best fixed size`,
      ratio: perSecond(load.inCalls) / perSecond(best.inCalls),
      bound: { kind: "at-least", value: 0.9 },
      note: `${Math.round(perSecond(load.inCalls))} members per second of calls in ${load.calls} calls, largest ${load.largest}; fixed sizes at the same time: ${fixed.map((f) => `${f.size} ${Math.round(perSecond(f.inCalls))}`).join(", ")}; time scaled ${scaled}, ${parallel} calls at a time`,
    },
    {
      name: "members, lists sent a third time as they are after two calls above 15 s",
      ratio: counts.repeatedTooOften,
      bound: { kind: "at-most", value: 0 },
      note: `${counts.unanswered} of ${counts.calls} calls without an answer in 15 s (scaled ${scaled}), ${load.splits} lists halved and ${load.setAside} members set aside in the first load`,
    },
    {
      name: "members, change of 1 %: time in calls per member over that of the first load",
      ratio: perSecond(load.inCalls) / perSecond(change.inCalls),
      // Few calls: those that begin below the size found, and the last one that is not full.
      bound: { kind: "at-most", value: 2 },
      note: `${change.sendMs} ms for ${change.members} members in ${change.calls} calls, ${change.unchanged} unchanged; first load ${load.sendMs} ms`,
    },
    {
      name: `members, change of 1 %: time to read and compare the input of ${people}, seconds`,
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
