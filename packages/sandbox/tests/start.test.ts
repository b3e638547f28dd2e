import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Capture, startSandbox } from "../src/index.ts";

const listening = (port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
const end = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

it.each(["helseid", "rest", "amqp", "registries"] as const)(
  "names the port of %s that is taken, and leaves no other open",
  async (name) => {
    const [taken, first] = [await listening(0), await listening(0)];
    const port = (taken.address() as AddressInfo).port;
    const before = name === "helseid" ? "rest" : "helseid";
    const free = (first.address() as AddressInfo).port;
    await end(first);
    await expect(startSandbox({ citizens: 1, ports: { [before]: free, [name]: port } })).rejects.toMatchObject({
      code: "config/invalid",
      message: expect.stringContaining(String(port)),
      hint: expect.stringContaining("another port"),
    });
    await end(await listening(free));
    await end(taken);
  },
);

it("tells of a folder that takes no files when it is flushed, and lives", async () => {
  const dir = await mkdtemp(join(tmpdir(), "helsekontakt-capture-"));
  await writeFile(join(dir, "file"), "");
  const capture = new Capture(join(dir, "file"));
  capture.write("one", { txt: "1" });
  await new Promise((resolve) => setTimeout(resolve, 20));
  capture.write("two", { txt: "2" });
  await expect(capture.flush()).rejects.toMatchObject({ code: "config/invalid" });
  const started = startSandbox({ citizens: 1, captureDir: join(dir, "file", "below") });
  await expect(started).rejects.toMatchObject({ code: "config/invalid", hint: expect.stringContaining("path") });
  await rm(dir, { recursive: true });
});
