import { startSandbox } from "@helsekontakt/sandbox";

// The counterpart of members-faults.ts, in a process of its own: the sandbox, with faults by a seed and a ledger of every
// member that reaches it. Speaks with its parent by messages.

/** One membership in a list that the service handled. */
export interface Received {
  readonly fnr: string;
  /** `from/to`; empty for one that was not stored. */
  readonly period: string;
}

export interface ServerOptions {
  readonly seed: number;
  readonly citizens: number;
  /** Shares of calls, from 0 to 1. */
  readonly errors: number;
  readonly timeouts: number;
}

/** mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function serve({ seed, citizens, errors, timeouts }: ServerOptions): Promise<void> {
  const sandbox = await startSandbox({ citizens });
  const random = seeded(seed);
  const { state } = sandbox.rest;
  const received: Received[] = [];
  const faults = { errors: 0, lostAnswers: 0, unheard: 0 };
  let calls = 0;
  let quiet = false;
  const plain = sandbox.faults.around.bind(sandbox.faults);
  sandbox.faults.around = async (target, answer) => {
    if (target !== "helsekontakter" || quiet) return plain(target, answer);
    calls++;
    const draw = random();
    if (draw < errors) {
      faults.errors++;
      return { status: draw < errors / 2 ? 500 : 503, body: { Code: "EHAPI-100000", Message: "Teknisk feil" } };
    }
    if (draw < errors + timeouts / 2) {
      // Never heard of: nothing is stored, and no answer comes.
      faults.unheard++;
      await new Promise((resolve) => void setTimeout(resolve, 60_000).unref());
    } else if (draw < errors + timeouts) {
      // Stored, but the answer gets lost.
      faults.lostAnswers++;
      state.behaviour.storeThenHold = 1;
    }
    return plain(target, answer);
  };
  const periods = new Map<string, string>();
  const set = state.members.set.bind(state.members);
  state.members.set = (key, member) => {
    periods.set(member.fnr, `${member.start}/${member.end}`);
    return set(key, member);
  };
  state.behaviour.omit = (fnr) => {
    received.push({ fnr, period: periods.get(fnr) ?? "" });
    return false;
  };
  process.on("message", (ask: string) => {
    if (ask === "faults-off") quiet = true;
    if (ask === "faults-on") quiet = false;
    if (ask === "end") void sandbox.close().then(() => process.exit(0));
    else
      process.send?.({
        received,
        faults,
        calls,
        members: [...state.members.values()].map((m) => ({ fnr: m.fnr, period: `${m.start}/${m.end}` })),
      });
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.({ config: sandbox.config, citizens: sandbox.citizens });
}

if (process.argv[2] === "serve") await serve(JSON.parse(process.argv[3] ?? "{}") as ServerOptions);
