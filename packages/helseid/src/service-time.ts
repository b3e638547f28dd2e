import type { Clock } from "@helsekontakt/core";

/** Seconds since 1970 by the service's clock, as far as we know it. */
export function serviceTime(context: { readonly clock: Clock; readonly skew: number }): number {
  return Math.floor(context.clock.now() / 1000) + context.skew;
}
