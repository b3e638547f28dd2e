import { createHash } from "node:crypto";
import { seeded } from "../_members-server.ts";

// The schedule of faults: which, to whom, when. All of it follows from the seed and the two counts, before anything runs.

/** Which way bytes run: `out` from a client to the broker, `in` from the broker to a client. */
export type Direction = "out" | "in";

/** A fault of one worker. Times are milliseconds. */
export type WorkerFault =
  /** The connection is reset after some more frames: whole ones, or in the middle of the last. */
  | {
      readonly kind: "cut";
      readonly target: string;
      readonly way: Direction;
      readonly frames: number;
      readonly mid: boolean;
    }
  | { readonly kind: "half-close"; readonly target: string; readonly way: Direction; readonly frames: number }
  | { readonly kind: "freeze"; readonly target: string; readonly ms: number }
  | { readonly kind: "delay"; readonly target: string; readonly each: number; readonly ms: number }
  /** What the broker answers is swallowed, then the connection is reset. */
  | { readonly kind: "mute"; readonly target: string; readonly ms: number }
  /** SIGKILL at the next time that the process comes to a step. */
  | { readonly kind: "kill"; readonly target: string; readonly step: string }
  /** SIGSTOP, later SIGCONT. */
  | { readonly kind: "pause"; readonly target: string; readonly ms: number }
  /** No file of the process may grow: what a full disk answers. */
  | { readonly kind: "disk-full"; readonly target: string; readonly ms: number }
  | { readonly kind: "clock"; readonly target: string; readonly by: number; readonly ms: number };

/** A fault of what all workers use. */
export type SharedFault = { readonly target: "*" } /** Every session of the database is ended. */ & (
  | { readonly kind: "database-cut" }
  | { readonly kind: "database-read-only"; readonly ms: number }
  | { readonly kind: "broker-kill" }
  | { readonly kind: "broker-restart" }
  | { readonly kind: "broker-freeze"; readonly ms: number }
  /** HelseID and the registries do not answer. */
  | { readonly kind: "services-freeze"; readonly ms: number }
);

export type Fault = WorkerFault | SharedFault;

/** A process that works on one side of the exchange. */
export interface Worker {
  readonly name: string;
  readonly role: "sender" | "receiver";
  readonly engine: "sqlite" | "postgres";
}

/** Senders with the embedded journal, two senders that share one, and two receivers that share one. */
export const workers: readonly Worker[] = [
  { name: "a", role: "sender", engine: "sqlite" },
  { name: "b1", role: "sender", engine: "postgres" },
  { name: "b2", role: "sender", engine: "postgres" },
  { name: "r1", role: "receiver", engine: "postgres" },
  { name: "r2", role: "receiver", engine: "postgres" },
];

/** Operations on the journal that have a step before them and one after. */
const operations = {
  sender: ["outbox.enqueue", "outbox.claim", "outbox.hold.confirm", "outbox.markSent", "receipts.record"],
  receiver: ["inbox.accept", "inbox.claim", "inbox.handled", "outbox.claim", "outbox.hold.confirm", "outbox.markSent"],
} as const;

/** What passes on the wire, and whether the frame at which the process dies still arrives. */
const wire = ["wire transfer out", "wire outcome in", "wire transfer in", "wire outcome out"].flatMap((frame) => [
  `${frame}, passed`,
  `${frame}, lost`,
]);

/** The numbered steps of a role at which a process is killed. */
export function stepsOf(role: Worker["role"]): readonly string[] {
  return [
    ...operations[role].flatMap((name) => [`before ${name}`, `after ${name}`]),
    ...(role === "receiver"
      ? ["handler begun", "handler done", "before own rows", "after own rows"]
      : ["message accepted"]),
    ...wire,
  ];
}

/** How often each kind strikes among 500 faults. */
const shares: readonly (readonly [Fault["kind"], number])[] = [
  ["broker-kill", 3],
  ["broker-restart", 2],
  ["broker-freeze", 2],
  ["services-freeze", 2],
  ["database-cut", 6],
  ["database-read-only", 4],
  ["kill", 130],
  ["cut", 150],
  ["delay", 45],
  ["half-close", 40],
  ["freeze", 36],
  ["mute", 30],
  ["pause", 25],
  ["clock", 15],
  ["disk-full", 10],
];

/** Faults that leave every process alive, for runs that look at its memory. */
const gentle: ReadonlySet<Fault["kind"]> = new Set(["cut", "delay", "half-close", "freeze", "mute", "database-cut"]);

/**
 * Every fault in its order. The same seed and count give the same schedule.
 *
 * @param soak - only faults that end no process and stop none.
 */
export function schedule(count: number, seed: number, soak = false): Fault[] {
  const random = seeded(seed);
  const whole = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
  const pick = <T>(all: readonly T[]): T => all[whole(0, all.length - 1)] as T;
  const kinds = soak ? shares.filter(([kind]) => gentle.has(kind)) : shares;
  const total = kinds.reduce((sum, [, n]) => sum + n, 0);
  const deck = kinds.flatMap(([kind, n]) => Array.from({ length: Math.floor((n * count) / total) }, () => kind));
  while (deck.length < count) deck.push("cut");
  for (let i = deck.length - 1; i > 0; i--) {
    const j = whole(0, i);
    [deck[i], deck[j]] = [deck[j] as Fault["kind"], deck[i] as Fault["kind"]];
  }
  // Steps go round in order, so that each is met as often as any other.
  const places = workers.flatMap((w) => stepsOf(w.role).map((step) => ({ target: w.name, step })));
  const steps = Array.from({ length: places.length }, (_, i) => places[(i * 17) % places.length] as (typeof places)[0]);
  let kills = 0;
  const embedded = workers.filter((w) => w.engine === "sqlite").map((w) => w.name);
  const names = workers.map((w) => w.name);
  const way = (): Direction => pick(["out", "in"]);
  const make: Record<Fault["kind"], () => Fault> = {
    cut: () => ({ kind: "cut", target: pick(names), way: way(), frames: whole(0, 12), mid: random() < 0.4 }),
    "half-close": () => ({ kind: "half-close", target: pick(names), way: way(), frames: whole(0, 12) }),
    // One in eight lasts longer than a peer may be silent.
    freeze: () => ({ kind: "freeze", target: pick(names), ms: random() < 0.125 ? 25_000 : whole(200, 3_000) }),
    delay: () => ({ kind: "delay", target: pick(names), each: whole(10, 150), ms: whole(500, 3_000) }),
    mute: () => ({ kind: "mute", target: pick(names), ms: whole(50, 1_500) }),
    kill: () => ({ kind: "kill", ...(steps[kills++ % steps.length] as (typeof steps)[0]) }),
    pause: () => ({ kind: "pause", target: pick(names), ms: whole(300, 9_000) }),
    "disk-full": () => ({ kind: "disk-full", target: pick(embedded), ms: whole(300, 2_000) }),
    clock: () => ({
      kind: "clock",
      target: pick(names),
      by: (random() < 0.5 ? -1 : 1) * whole(10_000, 6 * 3_600_000),
      ms: whole(500, 4_000),
    }),
    "database-cut": () => ({ kind: "database-cut", target: "*" }),
    "database-read-only": () => ({ kind: "database-read-only", target: "*", ms: whole(500, 2_500) }),
    "broker-kill": () => ({ kind: "broker-kill", target: "*" }),
    "broker-restart": () => ({ kind: "broker-restart", target: "*" }),
    "broker-freeze": () => ({ kind: "broker-freeze", target: "*", ms: whole(1_000, 5_000) }),
    "services-freeze": () => ({ kind: "services-freeze", target: "*", ms: whole(1_000, 4_000) }),
  };
  return deck.map((kind) => make[kind]());
}

/** A short name of a whole schedule: equal for equal ones. */
export const digestOf = (faults: readonly Fault[]): string =>
  createHash("sha256").update(JSON.stringify(faults)).digest("hex").slice(0, 16);
