import type { PostgresPool } from "kysely";

/** Called with the topics that changed; undefined for anything. @internal */
export type Heard = (topics: readonly string[] | undefined) => void;

/** The part of a `pg` client that listening needs. */
interface ListeningClient {
  query(text: string, values?: unknown[]): Promise<unknown>;
  on(event: "notification", listener: (message: { channel: string; payload?: string }) => void): unknown;
  on(event: "error" | "end", listener: () => void): unknown;
  removeAllListeners(event: string): unknown;
  /** Lets the process end although the connection is open. */
  unref?(): void;
  release(destroy?: boolean): void;
}

/** Undefined: the connection is new, and anything may have changed meanwhile. */
type Listener = (payload: string | undefined) => void;

const longestPauseMs = 30_000;
const listeners = new WeakMap<PostgresPool, PoolListener>();

/** The one connection of a pool that listens, for all journals on it. Lost, it is made again. @internal */
export class PoolListener {
  readonly #pool: PostgresPool;
  readonly #channels = new Map<string, Set<Listener>>();
  #client: ListeningClient | undefined;
  #connecting: Promise<void> | undefined;
  #pause: NodeJS.Timeout | undefined;
  #attempt = 0;

  private constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  static of(pool: PostgresPool): PoolListener {
    const known = listeners.get(pool) ?? new PoolListener(pool);
    listeners.set(pool, known);
    return known;
  }

  /** Returns a function that ends the listening; the connection goes with the last listener. */
  join(channel: string, listener: Listener): () => Promise<void> {
    const present = this.#channels.get(channel);
    if (present === undefined) this.#channels.set(channel, new Set([listener]));
    else present.add(listener);
    if (this.#client === undefined) this.#connect();
    else if (present === undefined) this.#say(this.#client, `listen "${channel}"`);
    return async () => {
      const set = this.#channels.get(channel);
      set?.delete(listener);
      if (set?.size !== 0) return;
      this.#channels.delete(channel);
      if (this.#channels.size === 0) await this.#end();
      else if (this.#client !== undefined) this.#say(this.#client, `unlisten "${channel}"`);
    };
  }

  /** A statement that fails ends its connection, which then is made again. */
  #say(client: ListeningClient, text: string): void {
    client.query(text).catch(() => this.#lost(client));
  }

  #connect(): void {
    if (this.#connecting !== undefined || this.#pause !== undefined) return;
    this.#connecting = this.#open().finally(() => {
      this.#connecting = undefined;
    });
  }

  async #open(): Promise<void> {
    let client: ListeningClient;
    try {
      client = (await this.#pool.connect()) as unknown as ListeningClient;
    } catch {
      return this.#again();
    }
    this.#client = client;
    client.on("error", () => this.#lost(client));
    client.on("end", () => this.#lost(client));
    client.on("notification", ({ channel, payload = "" }) => {
      for (const listener of this.#channels.get(channel) ?? []) listener(payload);
    });
    client.unref?.();
    const channels = [...this.#channels.keys()];
    if (channels.length === 0) return this.#end();
    try {
      for (const channel of channels) await client.query(`listen "${channel}"`);
    } catch {
      return this.#lost(client);
    }
    this.#attempt = 0;
    for (const set of this.#channels.values()) for (const listener of set) listener(undefined);
  }

  #lost(client: ListeningClient): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    drop(client);
    this.#again();
  }

  #again(): void {
    if (this.#channels.size === 0 || this.#pause !== undefined) return;
    this.#pause = setTimeout(
      () => {
        this.#pause = undefined;
        if (this.#channels.size > 0) this.#connect();
      },
      Math.min(250 * 2 ** this.#attempt++, longestPauseMs),
    );
    this.#pause.unref();
  }

  async #end(): Promise<void> {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) drop(client);
  }
}

function drop(client: ListeningClient): void {
  for (const event of ["notification", "end"]) client.removeAllListeners(event);
  client.release(true);
}
