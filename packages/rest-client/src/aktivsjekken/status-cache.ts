import { type Clock, HelsekontaktError, systemClock } from "@helsekontakt/core";
import type { StatusChangeFeed } from "./change-feed.ts";
import type { AktivStatus } from "./status.ts";
import type { Omraade } from "./types.ts";

/**
 * Statuses from earlier checks. Any store can stand behind it. Helsenorge asks that a local copy is kept in step by a
 * change feed, not by time alone.
 *
 * @see HelsenorgeAktivSjekken v1, use and caching
 */
export interface StatusCache {
  /**
   * Called before each run. False: what is kept may be wrong by now, and the run asks for everybody.
   *
   * @throws {HelsekontaktError} `abort/cancelled`
   */
  begin(signal?: AbortSignal): Promise<boolean>;
  get(fnr: string, omraade: Omraade): AktivStatus | undefined | Promise<AktivStatus | undefined>;
  /** @param askedAt - milliseconds since 1970-01-01 UTC, before the call was sent. */
  put(fnr: string, omraade: Omraade, status: AktivStatus, askedAt: number): void | Promise<void>;
  /** The citizen's status may have changed: a notice, an AppRec E35, an error "not digitally active". */
  forget(fnr: string): void | Promise<void>;
}

/** Settings of {@link createStatusCache}. */
export interface StatusCacheOptions {
  /** Milliseconds for which a status counts. Default one hour. */
  readonly ttlMs?: number;
  /** Statuses that are kept; the one that was stored longest ago leaves first. Default 100,000, about 20 MB. */
  readonly maxEntries?: number;
  readonly changes?: {
    readonly feed: StatusChangeFeed;
    /** Milliseconds between questions to the feed. Default five minutes. */
    readonly everyMs?: number;
    /** Milliseconds by which a question reaches back behind the one before, for clocks that differ. Default five minutes. */
    readonly overlapMs?: number;
  };
  readonly clock?: Clock;
}

/**
 * A cache in this process's memory.
 *
 * Where a feed is given and cannot be read, nothing that is kept is used until it can: a stale "active" costs more than
 * a call.
 *
 * @throws {HelsekontaktError} `config/invalid`
 */
export function createStatusCache(options: StatusCacheOptions = {}): StatusCache & { readonly size: number } {
  const { ttlMs = 3_600_000, maxEntries = 100_000, changes, clock = systemClock } = options;
  if (!(ttlMs > 0) || !(Number.isInteger(maxEntries) && maxEntries > 0))
    throw new HelsekontaktError("config/invalid", "expected ttlMs and maxEntries above 0, found another value");
  const { everyMs = 300_000, overlapMs = 300_000 } = changes ?? {};
  const kept = new Map<string, { readonly status: AktivStatus; readonly until: number }>();
  const areas = new Set<Omraade>();
  const key = (fnr: string, omraade: Omraade): string => `${omraade} ${fnr}`;
  const forget = (fnr: string): void => {
    for (const omraade of areas) kept.delete(key(fnr, omraade));
  };
  // Before the first question nothing is kept that could have changed.
  let asOf = clock.now();
  return {
    get size() {
      return kept.size;
    },
    async begin(signal) {
      if (changes === undefined) return true;
      const now = clock.now();
      // What a clock that has been set back since kept is of no known age.
      if (now < asOf) kept.clear();
      if (kept.size === 0) asOf = now;
      if (now - asOf < everyMs) return true;
      try {
        const since = new Date(asOf - overlapMs);
        for await (const fnr of changes.feed.changedSince(since, signal === undefined ? {} : { signal })) forget(fnr);
        asOf = now;
        return true;
      } catch (reason) {
        if (reason instanceof HelsekontaktError && reason.code === "abort/cancelled") throw reason;
        return false;
      }
    },
    get(fnr, omraade) {
      const entry = kept.get(key(fnr, omraade));
      return entry !== undefined && entry.until > clock.now() ? entry.status : undefined;
    },
    put(fnr, omraade, status, askedAt) {
      areas.add(omraade);
      const name = key(fnr, omraade);
      kept.delete(name);
      kept.set(name, { status, until: askedAt + ttlMs });
      if (kept.size > maxEntries) for (const oldest of kept.keys()) return void kept.delete(oldest);
    },
    forget,
  };
}
