import type { Telemetry, TelemetryAttributes } from "@helsekontakt/core";
import type { Subscription } from "../connection/subscription-types.ts";
import type { Calls } from "../messenger/calls.ts";
import type { Resolved } from "../messenger/messenger.ts";
import { metrics } from "./metrics.ts";

interface Source {
  readonly options: Resolved;
  readonly calls: Calls;
  readonly subscriptions: ReadonlySet<Subscription>;
}

interface Observed {
  readonly sources: Set<Source>;
  readonly ends: readonly (() => void)[];
}

const dayMs = 86_400_000;
/** One observer for all messengers that tell one place: of several with the same attributes only the last would count. */
const observed = new WeakMap<Telemetry, Observed>();

/** @internal Numbers that are read when somebody collects, until the connection closes. */
export function observeMessenger(source: Source): void {
  const { connection, telemetry } = source.options;
  let closed = false;
  let end = (): void => {};
  connection.onState((event) => {
    if (event.kind !== "connection" || event.state !== "closed") return;
    closed = true;
    end();
  });
  void telemetry.then((to) => {
    if (!closed) end = observe(to, source);
  });
}

function observe(telemetry: Telemetry, source: Source): () => void {
  let entry = observed.get(telemetry);
  if (entry === undefined) {
    const sources = new Set<Source>();
    entry = { sources, ends: gauges(telemetry, sources) };
    observed.set(telemetry, entry);
  }
  const { sources, ends } = entry;
  sources.add(source);
  return () => {
    sources.delete(source);
    if (sources.size > 0) return;
    observed.delete(telemetry);
    for (const stop of ends) stop();
  };
}

function gauges(telemetry: Telemetry, sources: ReadonlySet<Source>): (() => void)[] {
  const subscriptions = (): Subscription[] =>
    [...sources].flatMap(({ calls, subscriptions: own }) => [
      ...own,
      ...(calls.subscription === undefined ? [] : [calls.subscription]),
    ]);
  const sum = (values: readonly number[]): readonly (readonly [number])[] => [[values.reduce((a, b) => a + b, 0)]];
  return [
    telemetry.observe(metrics.inHand, () => sum(subscriptions().map((s) => s.inHand))),
    telemetry.observe(metrics.credit, () => sum(subscriptions().map((s) => s.health().credit))),
    telemetry.observe(metrics.waitingCalls, () => sum([...sources].map(({ calls }) => calls.waiting))),
    telemetry.observe(metrics.certificateDays, () => daysLeft(sources)),
  ];
}

/** Of the own certificates in use now, the nearest end by use; a source that must be waited for is told next time. */
function daysLeft(sources: ReadonlySet<Source>): (readonly [number, TelemetryAttributes])[] {
  const nearest = new Map<string, number>();
  for (const { options } of sources) {
    const keys = options.keys();
    if (keys instanceof Promise) {
      keys.catch(() => {});
      continue;
    }
    const { signing, decryption = [] } = keys;
    const all = [
      ...(signing === undefined ? [] : [["signing", signing] as const]),
      // The first one is in use; previous ones may be past their end.
      ...decryption.slice(0, 1).map((identity) => ["decryption", identity] as const),
    ];
    for (const [use, { certificate }] of all) {
      const days = Math.floor((certificate.validToDate.getTime() - options.clock.now()) / dayMs);
      nearest.set(use, Math.min(days, nearest.get(use) ?? days));
    }
  }
  return [...nearest].map(([use, days]) => [days, { "helsekontakt.certificate.use": use }]);
}
