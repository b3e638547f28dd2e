import type { ChildProcess } from "node:child_process";
import type { Journal } from "@helsekontakt/journal";
import type { Received } from "./_members-server.ts";

// Who decides over runs under faults: what the sandbox holds, what reached it, and what the journal had as settled when.

export type Member = readonly [fnr: string, from: string, to: string];

export interface Facts {
  readonly received: Received[];
  readonly faults: { readonly errors: number; readonly lostAnswers: number; readonly unheard: number };
  readonly calls: number;
  readonly members: { readonly fnr: string; readonly period: string }[];
}

/** One server at a time answers one question at a time. */
export function ask(child: ChildProcess, what: "facts" | "faults-on" | "faults-off"): Promise<Facts> {
  return new Promise((resolve) => {
    child.once("message", (message) => resolve(message as Facts));
    child.send(what);
  });
}

/** Counts changes that were lost, and acknowledged ones that were sent again. */
export class Judge {
  readonly #server: ChildProcess;
  readonly #open: () => Promise<Journal>;
  /** What was settled at some moment: person, period, and how far the server's ledger had come then. */
  readonly #settled = new Map<string, { readonly period: string; readonly from: number }>();
  lost = 0;
  doubled = 0;

  constructor(server: ChildProcess, open: () => Promise<Journal>) {
    this.#server = server;
    this.#open = open;
  }

  /** Notes what the journal has as settled now. */
  async look(): Promise<void> {
    const { received } = await ask(this.#server, "facts");
    const journal = await this.#open();
    try {
      for await (const page of journal.members.iterate({ batchSize: 1_000 }))
        for (const member of page) {
          const [entry] = await journal.ledger.explain({ id: member.id });
          const fnr = member.person.reveal();
          const event = entry?.events.at(-1);
          // Settled: nothing to tell, or not before a day that lies ahead.
          const settled = entry !== undefined && (entry.todo === undefined || entry.outcome === "not-active");
          if (!settled || event === undefined) this.#settled.delete(fnr);
          else {
            const period = `${event.start}/${event.end}`;
            if (this.#settled.get(fnr)?.period !== period) this.#settled.set(fnr, { period, from: received.length });
          }
        }
    } finally {
      await journal.close();
    }
  }

  /** Counts what was settled at a look and reached the server after it. */
  async countDoubled(): Promise<void> {
    const { received } = await ask(this.#server, "facts");
    const places = new Map<string, number[]>();
    for (const [n, { fnr }] of received.entries()) places.set(fnr, [...(places.get(fnr) ?? []), n]);
    for (const [fnr, { period, from }] of this.#settled)
      for (const n of places.get(fnr) ?? [])
        if (n >= from && (received[n]?.period === period || received[n]?.period === "")) this.doubled++;
  }

  /** Counts differences between what Helsenorge has and what the input wants. */
  async countLost(desired: readonly Member[], active: ReadonlySet<string>): Promise<void> {
    const { members } = await ask(this.#server, "facts");
    const has = new Map(members.map((m) => [m.fnr, m.period]));
    const today = new Date().toISOString().slice(0, 10);
    for (const [fnr, from, to] of desired) {
      if (active.has(fnr) && has.get(fnr) !== `${from}/${to}`) this.lost++;
      has.delete(fnr);
    }
    for (const period of has.values()) if ((period.split("/")[1] ?? "") >= today) this.lost++;
  }
}
