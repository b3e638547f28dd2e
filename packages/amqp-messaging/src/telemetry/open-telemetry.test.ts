import { afterEach, describe, expect, it, vi } from "vitest";

afterEach(() => {
  vi.doUnmock("@opentelemetry/api");
  vi.resetModules();
});

describe("installedTelemetry()", () => {
  it("asks again for an API that is there and could not be loaded", async () => {
    let tries = 0;
    vi.doMock("@opentelemetry/api", async (original) => {
      // No file handle was left, or the file was being replaced.
      if (++tries === 1) throw new Error("EMFILE: too many open files");
      return await original();
    });
    // Anew: the module remembers what an earlier test file had it load.
    vi.resetModules();
    const { silentTelemetry } = await import("@helsekontakt/core");
    const { installedTelemetry } = await import("./open-telemetry.ts");
    expect(await installedTelemetry()).toBe(silentTelemetry);
    const telemetry = await installedTelemetry();
    expect(telemetry).not.toBe(silentTelemetry);
    expect(await installedTelemetry()).toBe(telemetry);
  });
});
