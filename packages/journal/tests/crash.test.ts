import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type Journal, openJournal, sqliteStore } from "../src/index.ts";

const writer = fileURLToPath(new URL("./_writer.ts", import.meta.url));

/** Runs the writer until it has confirmed `lines` things, kills it with SIGKILL in the midst of its work, and returns them all. */
function runAndKill(file: string, secret: string, round: number, lines: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      // Node strips types by default since 22.18.
      [
        "--experimental-strip-types",
        "--conditions=helsekontakt-source",
        "--no-warnings=ExperimentalWarning",
        writer,
        file,
        secret,
        String(round),
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const confirmed: string[] = [];
    const reader = createInterface({ input: child.stdout });
    reader.on("line", (line) => {
      confirmed.push(line);
      if (confirmed.length === lines) child.kill("SIGKILL");
    });
    let closed = false;
    let signal: NodeJS.Signals | null = null;
    const finish = (): void => {
      if (!closed || signal === null) return;
      resolve(confirmed);
    };
    reader.on("close", () => {
      closed = true;
      finish();
    });
    child.on("exit", (code, by) => {
      if (by !== "SIGKILL") return reject(new Error(`expected the writer to be killed, it ended with ${code ?? by}`));
      signal = by;
      finish();
    });
  });
}

async function check(journal: Journal, line: string): Promise<void> {
  const [what, id = ""] = line.split(" ");
  if (what === "queued" || what === "sent") {
    const entry = await journal.outbox.get(id);
    expect(entry, line).toBeDefined();
    if (what === "sent") expect(entry?.transport, line).toBe("sent");
    const payload = id.startsWith("re-") ? Buffer.from("a") : Buffer.alloc(5_000, id);
    expect(Buffer.from((await journal.outbox.payload(id)) ?? []).equals(payload), line).toBe(true);
    return;
  }
  const again = await journal.inbox.accept({ messageId: id, kind: "D", from: "2", to: "1", payload: Buffer.from(id) });
  expect(again.outcome, line).toBe("duplicate");
  if (what === "handled") {
    expect(again.entry.state, line).toBe("handled");
    expect(await journal.outbox.get(`re-${id}`), line).toBeDefined();
  }
}

describe("a process killed in mid-write", () => {
  it("leaves every confirmed row, whole and readable, in five rounds on one file", async () => {
    const directory = mkdtempSync(join(tmpdir(), "helsekontakt-crash-"));
    const file = join(directory, "journal.db");
    const secret = randomBytes(32);
    try {
      const confirmed: string[] = [];
      for (const [round, lines] of [3, 40, 111, 222, 333].entries())
        confirmed.push(...(await runAndKill(file, secret.toString("hex"), round, lines)));
      expect(confirmed.length).toBeGreaterThanOrEqual(709);
      const journal = await openJournal({ store: sqliteStore({ file }), key: { id: "k", secret } });
      for (const line of confirmed) await check(journal, line);
      // What was sent is sent; what a dead process held is taken over when its lease runs out.
      const open = await journal.outbox.list({ transport: "sending" });
      expect(open.every((entry) => entry.attempts >= 1)).toBe(true);
      await journal.close();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
