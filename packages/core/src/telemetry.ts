/** Ids of messages and parties, codes, names of functions and queues, counts; never a person's data, content, tokens or keys. */
export type TelemetryAttributes = Readonly<Record<string, string | number | boolean>>;

/** What a number is called, and what it counts; the same object at every use. */
export interface Metric {
  readonly name: string;
  /** Of UCUM: `s`, `By`, `d`, `{message}`. */
  readonly unit: string;
  readonly description: string;
}

/** A stretch of work that is told of when it ends. */
export interface TelemetrySpan {
  /** The W3C trace context to send along; undefined when nothing is traced. */
  readonly traceparent: string | undefined;
  set(attributes: TelemetryAttributes): void;
  /** Ends once. `fault` is the code of the error that ended the work. */
  end(fault?: string): void;
}

export interface SpanOptions {
  readonly kind: "producer" | "consumer" | "client" | "server" | "internal";
  readonly attributes?: TelemetryAttributes;
  /** The W3C trace context of the work that led to this one, as it came; anything else is ignored. */
  readonly link?: string;
}

/** Where traces and numbers go; shaped so that OpenTelemetry fits. None of the calls throws. */
export interface Telemetry {
  span(name: string, options: SpanOptions): TelemetrySpan;
  /** Runs work inside a span, so that spans of the work become its children. */
  within<T>(span: TelemetrySpan, work: () => T): T;
  /** Adds to a counter. */
  count(metric: Metric, value: number, attributes?: TelemetryAttributes): void;
  /** Takes one value of a distribution. */
  record(metric: Metric, value: number, attributes?: TelemetryAttributes): void;
  /** Reads a gauge whenever somebody collects; returns a function that ends it. */
  observe(metric: Metric, read: () => Iterable<readonly [value: number, attributes?: TelemetryAttributes]>): () => void;
}

const silentSpan: TelemetrySpan = { traceparent: undefined, set() {}, end() {} };

/** Tells nobody; the default. */
export const silentTelemetry: Telemetry = {
  span: () => silentSpan,
  within: (_span, work) => work(),
  count() {},
  record() {},
  observe: () => () => {},
};
