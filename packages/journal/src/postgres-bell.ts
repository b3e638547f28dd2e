import { randomUUID } from "node:crypto";
import type { PostgresPool } from "kysely";
import { guardClients } from "./postgres-pool.ts";
import { type Heard, PoolListener } from "./postgres-listener.ts";

/** Changes within this many milliseconds are told together. */
const gatherMs = 10;
/** And so are those that come sooner than this after the last telling: each one wakes every process, which then looks. */
const apartMs = 100;
/** More are told as "something": a notification holds 8,000 bytes. */
const maxTopics = 100;

/**
 * Tells other processes of changes, and hears theirs, by LISTEN and NOTIFY.
 *
 * Changes are told after their commit, in a statement of its own: NOTIFY inside makes all commits of a database wait for
 * each other. What is lost with a process or connection is found by looking, which goes on all the time.
 *
 * @see https://www.postgresql.org/docs/current/sql-notify.html
 * @internal
 */
export class PostgresBell {
  readonly channel: string;
  readonly #pool: PostgresPool;
  readonly #self = randomUUID();
  #pending = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  #ringing: Promise<unknown> | undefined;
  #leave: (() => Promise<void>) | undefined;
  #closed = false;

  constructor(pool: PostgresPool, channel: string) {
    this.#pool = pool;
    this.channel = channel;
  }

  /** A sender of "" is heard by everybody, the own process included. */
  message(topics: readonly string[], sender: string): string {
    return JSON.stringify(topics.length > maxTopics ? [sender] : [sender, ...topics]);
  }

  ring(topics: readonly string[]): void {
    for (const topic of topics) this.#pending.add(topic);
    if (this.#timer !== undefined || this.#closed) return;
    const wait = Math.max(gatherMs, this.#toldAt + apartMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#toldAt = performance.now();
      const gathered = [...this.#pending];
      this.#pending.clear();
      this.#ringing = this.#tell(gathered);
    }, wait);
    this.#timer.unref();
  }

  async #tell(topics: readonly string[]): Promise<void> {
    try {
      const client = await guardClients(this.#pool).connect();
      try {
        await client.query("select pg_notify($1, $2)", [this.channel, this.message(topics, this.#self)]);
      } finally {
        client.release();
      }
    } catch {
      // The others look by themselves.
    }
  }

  listen(heard: Heard): void {
    this.#leave = PoolListener.of(this.#pool).join(this.channel, (payload) => {
      const said = payload === undefined ? undefined : read(payload);
      if (said === undefined) return heard(undefined);
      const [sender, ...topics] = said;
      if (sender !== this.#self) heard(topics.length === 0 ? undefined : topics);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#ringing;
    await this.#leave?.();
  }
}

function read(payload: string): string[] | undefined {
  try {
    const value: unknown = JSON.parse(payload);
    return Array.isArray(value) && value.every((v) => typeof v === "string") ? (value as string[]) : undefined;
  } catch {
    return undefined;
  }
}
