import { silentTelemetry } from "@helsekontakt/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { installedTelemetry } from "./open-telemetry.ts";

afterEach(() => void vi.doUnmock("@opentelemetry/api"));

describe("installedTelemetry()", () => {
  it("asks again for an API that is there and could not be loaded", async () => {
    let tries = 0;
    vi.doMock("@opentelemetry/api", async (original) => {
      // No file handle was left, or the file was being replaced.
      if (++tries === 1) throw new Error("EMFILE: too many open files");
      return await original();
    });
    expect(await installedTelemetry()).toBe(silentTelemetry);
    const telemetry = await installedTelemetry();
    expect(telemetry).not.toBe(silentTelemetry);
    expect(await installedTelemetry()).toBe(telemetry);
  });
});
