import type { Journal, OutboxEntry } from "@helsekontakt/journal";

// What was accepted, and what became of it. The lines of the processes are taken as they come; at the end the journals
// have the word.

interface Run {
  readonly worker: string;
  readonly life: number;
}

/** Counts of one run; all but the first four are to be 0. */
export interface Verdict {
  readonly accepted: number;
  readonly handled: number;
  readonly receipts: number;
  /** A handler began again with a message: only after its process had died, or had been paused past its lease. */
  readonly begunAgain: number;
  /** Accepted by `send()`, and no handler finished with it. */
  readonly lost: number;
  /** Messages that have two rows of the application's own, or are twice in the journal, or were told as handled twice. */
  readonly doubled: number;
  /** Begun again while the handler before was well. */
  readonly unexplained: number;
  /** Accepted, handled, and the sender does not know. */
  readonly withoutReceipt: number;
  /** AppRecs that name no message, or say the opposite of an earlier one. */
  readonly strangeReceipts: number;
  readonly leftInQueues: number;
  /** Of lost messages and those without AppRec: what both journals know of each. */
  readonly missing: readonly Missing[];
}

/** A message that did not come through, by its MsgId. */
export interface Missing {
  readonly msgId: string;
  readonly sender: string;
  /** States in the sender's journal, or `not there`. */
  readonly outbox: string;
  /** State in the receivers' journal, or `not there`. */
  readonly inbox: string;
  /** When the broker had accepted it, in milliseconds since 1970 UTC. */
  readonly sentAt?: number;
}

export class Ledger {
  readonly accepted = new Map<string, string>();
  readonly answered = new Set<string>();
  readonly errors = new Map<string, number>();
  readonly events = new Map<string, number>();
  /** Of messages that a worker refused: who, message id, digest of what came or `-`, and what was wrong. */
  readonly refusals: {
    readonly worker: string;
    readonly id: string;
    readonly digest: string;
    readonly what: string;
  }[] = [];
  readonly #begun = new Map<string, Run[]>();
  readonly #committed = new Map<string, number>();
  /** Lives of a worker that ended by a kill, or in which it was paused or lost its connection to the database. */
  readonly #broken = new Set<string>();
  #strange = 0;
  #acceptedBy = new Map<string, number>();

  count(map: Map<string, number>, key: string): void {
    map.set(key, (map.get(key) ?? 0) + 1);
  }

  acceptedBy(worker: string): number {
    return this.#acceptedBy.get(worker) ?? 0;
  }

  /** From now on this life of the worker may have to hand over what it has begun. */
  disturbed(worker: string, life: number): void {
    this.#broken.add(`${worker} ${life}`);
  }

  /** One line of a worker. */
  take(worker: string, life: number, [kind = "", ...words]: readonly string[]): void {
    const [one = "", two = "", three = ""] = words;
    if (kind === "a") {
      this.accepted.set(two, worker);
      this.count(this.#acceptedBy, worker);
    } else if (kind === "b") {
      const runs = this.#begun.get(one) ?? [];
      this.#begun.set(one, [...runs, { worker, life }]);
    } else if (kind === "h") this.count(this.#committed, one);
    else if (kind === "p") {
      this.count(this.events, `receipt ${one}`);
      if (one === "unknown" || one === "contradiction" || two !== "accepted") this.#strange++;
      else this.answered.add(three);
    } else if (kind === "d") this.count(this.events, `received ${one}`);
    else if (kind === "s") this.count(this.events, Number(one) > 1 ? "sent again" : "sent");
    else if (kind === "e") this.count(this.errors, `${one} (${two})`);
    else if (kind === "q") this.refusals.push({ worker, id: one, digest: two, what: words.slice(2).join(" ") });
    else if (kind === "r") this.count(this.errors, `${two} (refused to the caller)`);
  }

  /** Accepted messages whose AppRec has not been told; the journals may know of it all the same. */
  unanswered(): number {
    let n = 0;
    for (const id of this.accepted.keys()) if (!this.answered.has(id)) n++;
    return n;
  }

  /**
   * Reads the journals through, and compares.
   *
   * @param effects - how many rows of the application's own each message has.
   */
  async judge(
    senders: readonly Journal[],
    receivers: readonly Journal[],
    effects: ReadonlyMap<string, number>,
    leftInQueues: number,
  ): Promise<Verdict> {
    const handled = new Map<string, number>();
    const otherwise = new Map<string, string>();
    for (const journal of receivers)
      for await (const entry of each((after) => journal.inbox.list(after)))
        if (entry.msgId !== undefined)
          if (entry.state === "handled") this.count(handled, entry.msgId);
          else otherwise.set(entry.msgId, entry.state);
    const answered = new Set<string>();
    const unanswered = new Map<string, OutboxEntry>();
    for (const journal of senders)
      for await (const entry of each((after) => journal.outbox.list(after)))
        if (entry.msgId !== undefined)
          if (entry.application === "accepted") answered.add(entry.msgId);
          else unanswered.set(entry.msgId, entry);
    let lost = 0;
    let withoutReceipt = 0;
    const missing: Missing[] = [];
    for (const [msgId, sender] of this.accepted) {
      const arrived = handled.has(msgId) && effects.has(msgId);
      if (arrived && answered.has(msgId)) continue;
      if (arrived) withoutReceipt++;
      else lost++;
      const entry = unanswered.get(msgId);
      missing.push({
        msgId,
        sender,
        outbox: entry === undefined ? "not there" : stateOf(entry),
        inbox: handled.has(msgId) ? "handled" : (otherwise.get(msgId) ?? "not there"),
        ...(entry?.sentAt === undefined ? {} : { sentAt: entry.sentAt }),
      });
    }
    let doubled = 0;
    for (const n of effects.values()) if (n > 1) doubled++;
    for (const n of handled.values()) if (n > 1) doubled++;
    for (const n of this.#committed.values()) if (n > 1) doubled++;
    let begunAgain = 0;
    let unexplained = 0;
    for (const runs of this.#begun.values()) {
      begunAgain += runs.length - 1;
      for (const { worker, life } of runs.slice(0, -1)) if (!this.#broken.has(`${worker} ${life}`)) unexplained++;
    }
    return {
      accepted: this.accepted.size,
      handled: handled.size,
      receipts: answered.size,
      begunAgain,
      lost,
      doubled,
      unexplained,
      withoutReceipt,
      strangeReceipts: this.#strange,
      leftInQueues,
      missing,
    };
  }
}

function stateOf({ transport, application, attempts, nextAt }: OutboxEntry): string {
  const wait = Math.round((nextAt - Date.now()) / 1_000);
  return `${transport}, ${application}, attempt ${attempts}${wait > 0 ? `, next in ${wait} s` : ""}`;
}

async function* each<T extends { readonly id: string }>(
  page: (filter: { readonly after?: string; readonly limit: number }) => Promise<readonly T[]>,
): AsyncGenerator<T> {
  for (let after: string | undefined; ; ) {
    const entries = await page({ ...(after === undefined ? {} : { after }), limit: 1_000 });
    yield* entries;
    const last = entries.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}
