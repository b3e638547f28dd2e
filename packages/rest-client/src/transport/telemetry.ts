import { HelsekontaktError } from "@helsekontakt/core";
import type { Histogram, MeterProvider } from "@opentelemetry/api";
import type { Middleware } from "./pipeline.ts";

const name = "@helsekontakt/rest-client";

type Api = typeof import("@opentelemetry/api");

let loading: Promise<Api | undefined> | undefined;

/** The OpenTelemetry API where the application has it; without it there is nothing to report to. */
function loadApi(): Promise<Api | undefined> {
  loading ??= import("@opentelemetry/api").catch((reason: unknown) => {
    // Not there stays so; what could not be read now is asked for at the next call.
    if ((reason as { code?: unknown } | undefined)?.code !== "ERR_MODULE_NOT_FOUND") loading = undefined;
    return undefined;
  });
  return loading;
}

const buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
let made: { readonly provider: MeterProvider; readonly duration: Histogram } | undefined;

/** Made anew when the application sets its provider: what came of the one before it reports nothing. */
function durations({ metrics }: Api): Histogram {
  const provider = metrics.getMeterProvider();
  if (made?.provider !== provider)
    made = {
      provider,
      duration: provider.getMeter(name).createHistogram("http.client.request.duration", {
        unit: "s",
        description: "Duration of HTTP client requests.",
        advice: { explicitBucketBoundaries: buckets },
      }),
    };
  return made.duration;
}

/**
 * One client span and one duration per try, by OpenTelemetry's conventions for HTTP. Attributes are a closed list:
 * method, host, port, path template, status, kind of failure, number of the try. Paths and queries may hold ids, so
 * `url.full` is the origin alone. No trace header goes to the service: that is the application's choice to make.
 *
 * @see OpenTelemetry semantic conventions, HTTP 1.23 and later
 */
export function observes(): Middleware {
  return (next) => async (call) => {
    const api = await loadApi();
    if (api === undefined) return next(call);
    const { hostname, port, protocol } = new URL(call.origin);
    const common = {
      "http.request.method": call.method,
      "server.address": hostname,
      "server.port": port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
      ...(call.template === undefined ? {} : { "url.template": call.template }),
    };
    const span = api.trace
      .getTracer(name)
      .startSpan(call.template === undefined ? call.method : `${call.method} ${call.template}`, {
        kind: api.SpanKind.CLIENT,
        attributes: {
          ...common,
          "url.full": call.origin,
          ...(call.tryNumber > 1 ? { "http.request.resend_count": call.tryNumber - 1 } : {}),
        },
      });
    const start = performance.now();
    let outcome: { readonly [key: string]: string | number } = {};
    try {
      const response = await api.context.with(api.trace.setSpan(api.context.active(), span), next, undefined, call);
      const { status } = response;
      outcome = { "http.response.status_code": status, ...(status >= 400 ? { "error.type": String(status) } : {}) };
      return response;
    } catch (reason) {
      outcome = { "error.type": reason instanceof HelsekontaktError ? reason.code : "_OTHER" };
      throw reason;
    } finally {
      span.setAttributes(outcome);
      if (outcome["error.type"] !== undefined) span.setStatus({ code: api.SpanStatusCode.ERROR });
      span.end();
      durations(api).record((performance.now() - start) / 1000, { ...common, ...outcome });
    }
  };
}
