import type { Telemetry, TelemetryAttributes } from "@helsekontakt/core";
import { HelsekontaktError } from "@helsekontakt/core";
import { metrics } from "./metrics.ts";

/** @internal Where the numbers of a messenger go, once the library is loaded. */
export interface Told {
  readonly telemetry: Promise<Telemetry>;
}

/** @internal Records how long work takes, in seconds, with the code of the error that it ends with. */
export async function timed<T>(
  { telemetry }: Told,
  metric: keyof typeof metrics,
  attributes: TelemetryAttributes,
  work: () => Promise<T>,
): Promise<T> {
  const to = await telemetry;
  const start = performance.now();
  let fault: string | undefined;
  try {
    return await work();
  } catch (reason) {
    fault = HelsekontaktError.from(reason).code;
    throw reason;
  } finally {
    to.record(metrics[metric], (performance.now() - start) / 1000, {
      ...attributes,
      ...(fault === undefined ? {} : { "error.type": fault }),
    });
  }
}
