import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { until } from "../src/contract/harness.ts";
import { connectAmqp } from "../src/index.ts";
import { exchange, type Peer, startPeer, settingsFor } from "./_peer.ts";

describe("a receiving process that is told to end", () => {
  let peer: Peer;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    peer = await startPeer();
    peer.declare("q");
  });
  afterEach(async () => {
    for (const child of children) child.kill("SIGKILL");
    await peer.close();
  });

  it("O4: SIGTERM with running handlers: no message is lost or done twice, and the process ends by itself", async () => {
    const connection = await connectAmqp(settingsFor(peer));
    const ids = Array.from({ length: 60 }, (_, i) => `m${i}`);
    for (const messageId of ids)
      await connection.send("q", {
        messageId,
        to: "q",
        subject: "S",
        applicationProperties: {},
        body: Buffer.alloc(100),
      });
    await connection.close();
    const begun: string[] = [];
    const done: string[] = [];
    const start = (): ChildProcess => {
      const script = fileURLToPath(new URL("_worker.ts", import.meta.url));
      const child = spawn(
        process.execPath,
        ["--conditions=helsekontakt-source", "--no-warnings", script, String(peer.port), "q", exchange],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      children.push(child);
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
        const [what, id = ""] = line.split(" ");
        (what === "begun" ? begun : done).push(id);
      });
      return child;
    };
    for (let n = 0; n < 3; n++) {
      const child = start();
      const mark = begun.length;
      await until("handlers to run", () => begun.length >= mark + 6, 30_000);
      child.kill("SIGTERM");
      const [code, signal] = (await once(child, "close")) as [number | null, string | null];
      expect([code, signal]).toEqual([0, null]);
      expect(done.length).toBe(begun.length);
    }
    expect(done.length).toBeLessThan(ids.length);
    start();
    await until("the rest", () => done.length >= ids.length, 30_000);
    expect(done.toSorted()).toEqual(ids.toSorted());
  }, 60_000);
});
