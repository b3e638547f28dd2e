import { randomUUID } from "node:crypto";
import type { Middleware } from "./pipeline.ts";

/** Settings of the correlation header. */
export interface CorrelationOptions {
  /** Default `x-correlation-id`. No document of Helsenorge's names one, so the name is inferred. */
  readonly header?: string;
  /** Makes the id of a call; it must not hold anything personal. Default: a random UUID. */
  readonly id?: () => string;
}

/** Gives each call an id, which all its tries share. One that the caller set stays. */
export function correlates({ header = "x-correlation-id", id = randomUUID }: CorrelationOptions = {}): Middleware {
  return (next) => (call) => {
    // The headers are the pipeline's own copy; all tries read them.
    if (!call.headers.has(header)) call.headers.set(header, id());
    return next(call);
  };
}
