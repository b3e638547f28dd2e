import { type Clock, systemClock } from "@helsekontakt/core";
import type { KeyStore } from "./types.ts";

const day = 24 * 60 * 60 * 1000;

/** How long the active key is still taken. */
export interface KeyExpiry {
  readonly kid: string;
  readonly expiresAt: number;
  /** Milliseconds; negative when it has expired. */
  readonly leftMs: number;
  /** True when less is left than the warning span. */
  readonly due: boolean;
}

/**
 * When the active key expires, as far as HelseID has said so; undefined when there is none or its expiry is unknown.
 *
 * @param options.warnMs - span before expiry in which a rotation is due; default 30 days.
 * @throws {HelsekontaktError} `auth/key-store`
 */
export async function activeKeyExpiry(
  store: KeyStore,
  options: { readonly warnMs?: number; readonly clock?: Clock } = {},
): Promise<KeyExpiry | undefined> {
  const active = (await store.load()).keys.find((k) => k.state === "active");
  if (active?.expiresAt === undefined) return undefined;
  const leftMs = active.expiresAt - (options.clock ?? systemClock).now();
  return { kid: active.kid, expiresAt: active.expiresAt, leftMs, due: leftMs < (options.warnMs ?? 30 * day) };
}

/**
 * Watches the active key: tells `onDue` at once and then every `everyMs` (default one day) while a rotation is due.
 * The timer does not keep the process alive.
 *
 * @returns what ends the watch.
 */
export function watchKeyExpiry(
  store: KeyStore,
  options: {
    readonly onDue: (expiry: KeyExpiry) => void;
    readonly onError?: (error: unknown) => void;
    readonly warnMs?: number;
    readonly everyMs?: number;
    readonly clock?: Clock;
  },
): () => void {
  const look = (): void => {
    activeKeyExpiry(store, options)
      .then((expiry) => {
        if (expiry?.due === true && !ended) options.onDue(expiry);
      })
      .catch((error: unknown) => options.onError?.(error));
  };
  let ended = false;
  look();
  const timer = setInterval(look, options.everyMs ?? day);
  timer.unref();
  return () => {
    ended = true;
    clearInterval(timer);
  };
}
