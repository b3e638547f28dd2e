import { type Clock, HelsekontaktError, type Logger, throwIfAborted, waitFor } from "@helsekontakt/core";
import type { Token } from "./options.ts";

interface Entry {
  readonly token: Token;
  readonly usableUntil: number;
  /** A clock that shows less has been set back: what it says about the token's life is worth nothing then. */
  readonly storedAt: number;
  /** From here on the token is renewed behind the callers' backs. */
  renewAt: number;
}

interface Flight {
  readonly promise: Promise<Token>;
  readonly controller: AbortController;
  waiters: number;
  /** A renewal that nobody waits for goes on all the same. */
  readonly background: boolean;
}

/** Late enough that a token is asked for at most 1.3 times per lifetime. */
const renewalPoint = 0.77;
const renewalPause = 5_000;
const longestLife = 24 * 60 * 60 * 1000;

/** Milliseconds before expiry at which a token is no longer given out: 20 % of its life, between 5 and 30 seconds. */
export function safetyMargin(lifeMs: number): number {
  return Math.min(30_000, Math.max(5_000, lifeMs * 0.2));
}

/**
 * Tokens by key, with one flight per key: callers that come while a token is asked for share it. A failed flight
 * fails for all its waiters and leaves nothing behind; one waiter's abort does not disturb the others.
 */
export function createTokenCache(options: { clock: Clock; logger: Logger; maxEntries: number }): {
  get(key: string, load: (signal: AbortSignal) => Promise<Token>, signal: AbortSignal | undefined): Promise<Token>;
  forget(token: Token): void;
} {
  const { clock, logger } = options;
  const entries = new Map<string, Entry>();
  const flights = new Map<string, Flight>();

  function store(key: string, token: Token): void {
    entries.delete(key);
    if (token.expiresAt === undefined) return;
    const now = clock.now();
    const life = Math.min(longestLife, token.expiresAt - now);
    const usableUntil = now + life - safetyMargin(life);
    if (usableUntil <= now) return;
    if (entries.size >= options.maxEntries) entries.delete(entries.keys().next().value as string);
    entries.set(key, { token, usableUntil, storedAt: now, renewAt: now + life * renewalPoint });
  }

  function start(key: string, load: (signal: AbortSignal) => Promise<Token>, background: boolean): Flight {
    const controller = new AbortController();
    const flight: Flight = { promise: Promise.resolve().then(run), controller, waiters: 0, background };
    async function run(): Promise<Token> {
      try {
        const token = await load(controller.signal);
        store(key, token);
        return token;
      } finally {
        if (flights.get(key) === flight) flights.delete(key);
      }
    }
    // Waiters have their own handlers; without any, the failure is not an unhandled one.
    flight.promise.catch(() => undefined);
    flights.set(key, flight);
    return flight;
  }

  function renew(key: string, entry: Entry, load: (signal: AbortSignal) => Promise<Token>): void {
    if (flights.has(key)) return;
    start(key, load, true).promise.catch((error: unknown) => {
      entry.renewAt = clock.now() + renewalPause;
      logger.warn("token renewal failed, the present token serves on", { code: (error as HelsekontaktError).code });
    });
  }

  return {
    async get(key, load, signal) {
      throwIfAborted(signal);
      const entry = entries.get(key);
      const now = clock.now();
      if (entry !== undefined && now < entry.usableUntil && now >= entry.storedAt) {
        entries.delete(key);
        entries.set(key, entry);
        if (now >= entry.renewAt) renew(key, entry, load);
        return entry.token;
      }
      const flight = flights.get(key) ?? start(key, load, false);
      flight.waiters++;
      try {
        return await waitFor(flight.promise, signal);
      } finally {
        flight.waiters--;
        if (flight.waiters === 0 && !flight.background && signal?.aborted && flights.get(key) === flight) {
          flights.delete(key);
          flight.controller.abort();
        }
      }
    },
    forget(token) {
      for (const [key, entry] of entries) if (entry.token.accessToken.equals(token.accessToken)) entries.delete(key);
    },
  };
}
