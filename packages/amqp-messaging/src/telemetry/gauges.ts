import type { TelemetryAttributes } from "@helsekontakt/core";
import type { Subscription } from "../connection/subscription.ts";
import type { Calls } from "../messenger/calls.ts";
import type { Resolved } from "../messenger/messenger.ts";
import { metrics } from "./metrics.ts";

const dayMs = 86_400_000;

/** @internal Numbers that are read when somebody collects, until the connection closes. */
export function observeMessenger(options: Resolved, calls: Calls, subscriptions: ReadonlySet<Subscription>): void {
  const ends: (() => void)[] = [];
  let closed = false;
  const end = (): void => {
    closed = true;
    for (const stop of ends.splice(0)) stop();
  };
  options.connection.onState((event) => {
    if (event.kind === "connection" && event.state === "closed") end();
  });
  void options.telemetry.then((telemetry) => {
    if (closed) return;
    const all = (): Subscription[] => [
      ...subscriptions,
      ...(calls.subscription === undefined ? [] : [calls.subscription]),
    ];
    ends.push(
      telemetry.observe(metrics.inHand, () => [[all().reduce((sum, s) => sum + s.inHand, 0)]]),
      telemetry.observe(metrics.credit, () => [[all().reduce((sum, s) => sum + s.health().credit, 0)]]),
      telemetry.observe(metrics.waitingCalls, () => [[calls.waiting]]),
      telemetry.observe(metrics.certificateDays, () => daysLeft(options)),
    );
  });
}

/** Of the own certificates in use now; a source that must be waited for is told at the next collection. */
function daysLeft(options: Resolved): (readonly [number, TelemetryAttributes])[] {
  const keys = options.keys();
  if (keys instanceof Promise) {
    keys.catch(() => {});
    return [];
  }
  const { signing, decryption = [] } = keys;
  const all = [
    ...(signing === undefined ? [] : [["signing", signing] as const]),
    ...decryption.map((identity) => ["decryption", identity] as const),
  ];
  return all.map(([use, { certificate }]) => [
    Math.floor((certificate.validToDate.getTime() - options.clock.now()) / dayMs),
    { "helsekontakt.certificate.use": use },
  ]);
}
