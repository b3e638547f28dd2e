import { HelsekontaktError } from "@helsekontakt/core";
import type { BatchOptions } from "./types.ts";

/** {@link BatchOptions} with defaults. */
export interface BatchLimits {
  readonly start: number;
  readonly max: number;
  readonly timeoutMs: number;
  readonly targetMs: number;
  readonly fixed: number | undefined;
  readonly parallel: number;
  readonly pauseMs: number;
}

/** @throws {HelsekontaktError} `input/invalid` */
export function batchLimits(options: BatchOptions = {}): BatchLimits {
  const whole = (name: keyof BatchOptions, value: number, most: number): number => {
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    throw new HelsekontaktError(
      "input/invalid",
      `expected batch.${name} to be a whole number from 1 to ${most}, found another value`,
      { context: { field: `batch.${name}` } },
    );
  };
  const max = whole("max", options.max ?? 1_000, 10_000);
  const timeoutMs = whole("timeoutMs", options.timeoutMs ?? 15_000, 600_000);
  return {
    start: Math.min(max, whole("start", options.start ?? 25, 10_000)),
    max,
    timeoutMs,
    targetMs: whole("targetMs", options.targetMs ?? Math.max(1, Math.round((timeoutMs * 2) / 3)), timeoutMs),
    fixed: options.fixed === undefined ? undefined : whole("fixed", options.fixed, max),
    parallel: whole("parallel", options.parallel ?? 1, 32),
    pauseMs: whole("pauseMs", options.pauseMs ?? 500, 60_000),
  };
}
