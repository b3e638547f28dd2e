import type { Bundle } from "@helsekontakt/types/fhir";
import { afterEach, describe, expect, it, vi } from "vitest";
import { json, startServer, type TestServer } from "./_server.ts";

// A library that is loaded at the first call cannot be while no file handle is left, or its file is being replaced.
let server: TestServer | undefined;
afterEach(async () => {
  vi.doUnmock("fhir-kit-client");
  vi.doUnmock("undici");
  vi.resetModules();
  await server?.close();
});

/** The sources anew, without what an earlier test file had them load; the first import of a library fails. */
async function failOnce(name: "fhir-kit-client" | "undici"): Promise<typeof import("../src/index.ts")> {
  vi.resetModules();
  let tries = 0;
  vi.doMock(name, async (original) => {
    if (++tries === 1) throw new Error("EMFILE: too many open files");
    return await original();
  });
  return await import("../src/index.ts");
}

describe("a library that could not be loaded", () => {
  it("is loaded at the next Bundle", async () => {
    server = await startServer(json(200, {}));
    const { createHelsekontakterClient } = await failOnce("fhir-kit-client");
    const client = createHelsekontakterClient({ baseUrl: server.url });
    const bundle: Bundle = { resourceType: "Bundle", type: "collection", entry: [] };
    await expect(client.publish(bundle)).rejects.toThrow();
    expect(server.seen).toHaveLength(0);
    await client.publish(bundle);
    expect(server.seen).toHaveLength(1);
  });

  it("is loaded at the next request, and closing does not fail for it", async () => {
    server = await startServer(json(200, {}));
    const { createNetworkFetch } = await failOnce("undici");
    const network = createNetworkFetch();
    await expect(network.fetch(new Request(server.url))).rejects.toThrow();
    await network.close();
    expect((await network.fetch(new Request(server.url))).status).toBe(200);
    await network.close();
  });
});
