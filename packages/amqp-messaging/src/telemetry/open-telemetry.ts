import { silentTelemetry, type Metric, type Telemetry, type TelemetrySpan } from "@helsekontakt/core";
import type { Counter, Histogram, Meter, MeterProvider, Span, SpanContext } from "@opentelemetry/api";

/** The API as the application has it. Not in the public declarations: who has it not could not compile them. */
type OpenTelemetryApi = typeof import("@opentelemetry/api");

const name = "@helsekontakt/amqp-messaging";
/** Seconds: from a local broker's answer to a message that waited a day. */
const secondBuckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3_600, 86_400];

let loading: Promise<Telemetry> | undefined;

/** Traces and numbers to OpenTelemetry where the application has `@opentelemetry/api`, to nobody elsewhere. */
export function installedTelemetry(): Promise<Telemetry> {
  loading ??= import("@opentelemetry/api").then(openTelemetry, (reason: unknown) => {
    // Not there stays so; what could not be read now is asked for by the next messenger.
    if ((reason as { code?: unknown } | undefined)?.code !== "ERR_MODULE_NOT_FOUND") loading = undefined;
    return silentTelemetry;
  });
  return loading;
}

/**
 * Traces and numbers by OpenTelemetry. Providers are asked for at every use, so that one set later is found.
 *
 * @see W3C Trace Context, section 3.2 traceparent
 */
export function openTelemetry(api: OpenTelemetryApi): Telemetry {
  const spans = new WeakMap<TelemetrySpan, Span>();
  const instruments = instrumentsOf(api);
  const kinds = {
    producer: api.SpanKind.PRODUCER,
    consumer: api.SpanKind.CONSUMER,
    client: api.SpanKind.CLIENT,
    server: api.SpanKind.SERVER,
    internal: api.SpanKind.INTERNAL,
  } as const;
  return {
    span(title, { kind, attributes, link }) {
      const linked = link === undefined ? undefined : contextOf(link);
      const span = api.trace.getTracer(name).startSpan(title, {
        kind: kinds[kind],
        ...(attributes === undefined ? {} : { attributes }),
        ...(linked === undefined ? {} : { links: [{ context: linked }] }),
      });
      let ended = false;
      const made: TelemetrySpan = {
        traceparent: traceparentOf(api, span.spanContext()),
        set: (more) => void span.setAttributes(more),
        end(fault) {
          if (ended) return;
          ended = true;
          if (fault !== undefined) {
            span.setAttribute("error.type", fault);
            span.setStatus({ code: api.SpanStatusCode.ERROR });
          }
          span.end();
        },
      };
      spans.set(made, span);
      return made;
    },
    within(span, work) {
      const inner = spans.get(span);
      return inner === undefined ? work() : api.context.with(api.trace.setSpan(api.context.active(), inner), work);
    },
    count: (metric, value, attributes) => instruments.counter(metric).add(value, attributes),
    record: (metric, value, attributes) => instruments.histogram(metric).record(value, attributes),
    observe: (metric, read) => {
      const gauge = instruments.meter().createObservableGauge(metric.name, described(metric));
      const callback = (result: { observe(value: number, attributes?: object): void }): void => {
        for (const [value, attributes] of read()) result.observe(value, attributes);
      };
      gauge.addCallback(callback);
      return () => gauge.removeCallback(callback);
    },
  };
}

/** Made anew when the application sets its provider: what came of the one before it reports nothing. */
function instrumentsOf({ metrics }: OpenTelemetryApi): {
  meter(): Meter;
  counter(metric: Metric): Counter;
  histogram(metric: Metric): Histogram;
} {
  let provider: MeterProvider | undefined;
  let meter: Meter | undefined;
  const counters = new Map<Metric, Counter>();
  const histograms = new Map<Metric, Histogram>();
  const current = (): Meter => {
    const now = metrics.getMeterProvider();
    if (meter === undefined || now !== provider) {
      provider = now;
      meter = now.getMeter(name);
      counters.clear();
      histograms.clear();
    }
    return meter;
  };
  return {
    meter: current,
    counter(metric) {
      const from = current();
      return kept(counters, metric, () => from.createCounter(metric.name, described(metric)));
    },
    histogram(metric) {
      const from = current();
      const advice = metric.unit === "s" ? { advice: { explicitBucketBoundaries: secondBuckets } } : {};
      return kept(histograms, metric, () => from.createHistogram(metric.name, { ...described(metric), ...advice }));
    },
  };
}

function kept<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function described({ unit, description }: Metric): { unit: string; description: string } {
  return { unit, description };
}

function traceparentOf(api: OpenTelemetryApi, context: SpanContext): string | undefined {
  if (!api.isSpanContextValid(context)) return undefined;
  return `00-${context.traceId}-${context.spanId}-${(context.traceFlags & 0xff).toString(16).padStart(2, "0")}`;
}

/** Another party wrote it: what has not the form is no context. */
function contextOf(traceparent: string): SpanContext | undefined {
  const parts = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/.exec(traceparent);
  const [, version, traceId = "", spanId = "", flags = ""] = parts ?? [];
  if (version === undefined || version === "ff" || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}
