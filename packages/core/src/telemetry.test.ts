import { describe, expect, it } from "vitest";
import { silentTelemetry } from "./telemetry.ts";

describe("silentTelemetry", () => {
  const metric = { name: "m", unit: "1", description: "d" };
  it("runs the work, gives no trace context, and takes everything without a word", () => {
    const span = silentTelemetry.span("s", { kind: "producer" });
    expect(span.traceparent).toBeUndefined();
    expect(silentTelemetry.within(span, () => 7)).toBe(7);
    span.set({ a: 1 });
    span.end("x");
    silentTelemetry.count(metric, 1);
    silentTelemetry.record(metric, 1);
    let read = 0;
    silentTelemetry.observe(metric, () => [[++read]])();
    expect(read).toBe(0);
  });
});
