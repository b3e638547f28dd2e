import type { Bundle } from "@helsekontakt/types/fhir";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createHelsekontakterClient, createNetworkFetch } from "../src/index.ts";
import { json, startServer, type TestServer } from "./_server.ts";

// A library that is loaded at the first call cannot be while no file handle is left, or its file is being replaced.
let server: TestServer | undefined;
afterEach(async () => {
  vi.doUnmock("fhir-kit-client");
  vi.doUnmock("undici");
  await server?.close();
});

/** The first import fails. */
function failOnce(name: "fhir-kit-client" | "undici"): void {
  let tries = 0;
  vi.doMock(name, async (original) => {
    if (++tries === 1) throw new Error("EMFILE: too many open files");
    return await original();
  });
}

describe("a library that could not be loaded", () => {
  it("is loaded at the next Bundle", async () => {
    server = await startServer(json(200, {}));
    failOnce("fhir-kit-client");
    const client = createHelsekontakterClient({ baseUrl: server.url });
    const bundle: Bundle = { resourceType: "Bundle", type: "collection", entry: [] };
    await expect(client.publish(bundle)).rejects.toThrow();
    expect(server.seen).toHaveLength(0);
    await client.publish(bundle);
    expect(server.seen).toHaveLength(1);
  });

  it("is loaded at the next request, and closing does not fail for it", async () => {
    server = await startServer(json(200, {}));
    failOnce("undici");
    const network = createNetworkFetch();
    await expect(network.fetch(new Request(server.url))).rejects.toThrow();
    await network.close();
    expect((await network.fetch(new Request(server.url))).status).toBe(200);
    await network.close();
  });
});
