import { HelsekontaktError } from "@helsekontakt/core";
import type { Middleware } from "./pipeline.ts";

/** Settings of the correlation header. */
export interface CorrelationOptions {
  /** Default `x-correlation-id`. No document of Helsenorge's names one, so the name is inferred. */
  readonly header?: string;
  /** Makes the id of a call; it must not hold anything personal. Default: a random UUID. */
  readonly id?: () => string;
}

/**
 * Gives each call an id, which all its tries share. One that the caller set stays.
 *
 * @throws {HelsekontaktError} `config/invalid` for a header or an id that HTTP does not allow
 */
export function correlates({
  header = "x-correlation-id",
  id = () => crypto.randomUUID(),
}: CorrelationOptions = {}): Middleware {
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(header)) throw unusable("header", "the name of a header");
  return (next) => (call) => {
    // The headers are the pipeline's own copy; all tries read them.
    if (!call.headers.has(header)) {
      const value: unknown = id();
      if (typeof value !== "string" || !/^[!-~]{1,128}$/.test(value))
        throw unusable("id", "a function that makes 1 to 128 visible ASCII characters");
      call.headers.set(header, value);
    }
    return next(call);
  };
}

/** What was found is not shown: it may be anything. */
function unusable(setting: string, expected: string): HelsekontaktError {
  return new HelsekontaktError(
    "config/invalid",
    `expected "correlation.${setting}" to be ${expected}, found something else`,
    { context: { setting: `correlation.${setting}` } },
  );
}
