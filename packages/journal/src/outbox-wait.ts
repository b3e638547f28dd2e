import type { Parts } from "./parts.ts";
import type { OutboxTable } from "./schema.ts";
import { currentTransaction } from "./store.ts";
import { turn } from "./turn.ts";

/** Ids in one statement: far fewer than either engine takes. */
const most = 500;

type State = Pick<OutboxTable, "transport" | "application">;

interface Look {
  readonly ids: Set<string>;
  readonly answer: Promise<ReadonlyMap<string, State>>;
}

/**
 * Asks for the states of messages that somebody waits for. All questions of one turn of the event loop are one statement:
 * an application may wait for the AppRecs of ten thousand messages at once, each of which is looked for every second.
 *
 * @internal
 */
export class StateLooks {
  readonly #parts: Parts;
  #next: Look | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What is committed after the call at the earliest; undefined for a message that is not there. */
  async of(id: string): Promise<State | undefined> {
    const look = this.#next !== undefined && this.#next.ids.size < most ? this.#next : this.#begin();
    look.ids.add(id);
    return (await look.answer).get(id);
  }

  #begin(): Look {
    const ids = new Set<string>();
    // The question is everybody's, and no part of the transaction in whose work the first one happened to ask.
    const answer = currentTransaction.exit(async () => {
      await turn();
      if (this.#next?.ids === ids) this.#next = undefined;
      const rows = await this.#parts.store.read((db) =>
        db
          .selectFrom("outbox")
          .select(["id", "transport", "application"])
          .where("id", "in", [...ids])
          .execute(),
      );
      return new Map(rows.map((row) => [row.id, row] as const));
    });
    return (this.#next = { ids, answer });
  }
}

/** Milliseconds to the next whole multiple of `pollMs`: whoever waits as long looks in the same turn. @internal */
export function untilCommonTurn(pollMs: number): number {
  return pollMs - (performance.now() % pollMs);
}
