import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type Journal, openJournal, sqliteStore } from "../src/index.ts";

const writer = fileURLToPath(new URL("./_writer.ts", import.meta.url));

/** Starts the writer; `confirmed` grows by each line it says, and `killed` resolves to all of them after SIGKILL. */
function startWriter(
  arguments_: readonly string[],
  onLine: (confirmed: readonly string[]) => void = () => {},
): { readonly child: ChildProcess; readonly killed: Promise<string[]> } {
  const child = spawn(
    process.execPath,
    // Node strips types by default since 22.18.
    [
      "--experimental-strip-types",
      "--conditions=helsekontakt-source",
      "--no-warnings=ExperimentalWarning",
      writer,
      ...arguments_,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const killed = new Promise<string[]>((resolve, reject) => {
    const confirmed: string[] = [];
    const reader = createInterface({ input: child.stdout });
    reader.on("line", (line) => {
      confirmed.push(line);
      onLine(confirmed);
    });
    let closed = false;
    let signal: NodeJS.Signals | null = null;
    const finish = (): void => {
      if (closed && signal !== null) resolve(confirmed);
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
  return { child, killed };
}

/** Runs the writer until it has confirmed `lines` things, kills it in the midst of its work, and returns them all. */
function runAndKill(file: string, secret: string, round: number, lines: number): Promise<string[]> {
  const { child, killed } = startWriter([file, secret, String(round)], (confirmed) => {
    if (confirmed.length === lines) child.kill("SIGKILL");
  });
  return killed;
}

const largeBytes = 3 * 1024 * 1024;

/** Kills a writer of large messages when it has confirmed `lines` and `parts` parts are stored whose row is not. */
async function killBetweenParts(file: string, secret: string, round: number, lines: number, parts: number) {
  const said = { lines: 0 };
  const { child, killed } = startWriter([file, secret, String(round), String(largeBytes)], ({ length }) => {
    said.lines = length;
  });
  const database = new DatabaseSync(file, { timeout: 5_000 });
  try {
    const under = "select count(*) as n from payload_part join payload_loose using (ref) where doomed = 0";
    const counted = (): number => {
      try {
        return Number(database.prepare(under).get()?.["n"]);
      } catch {
        // The writer has made no tables yet.
        return 0;
      }
    };
    const isThere = (): boolean => said.lines >= lines && counted() >= parts;
    while (child.exitCode === null && !isThere()) await setImmediate();
    child.kill("SIGKILL");
    return await killed;
  } finally {
    database.close();
  }
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

  it("leaves large messages whole or not at all, killed between their parts, and no part without its row", async () => {
    const directory = mkdtempSync(join(tmpdir(), "helsekontakt-crash-"));
    const file = join(directory, "journal.db");
    const secret = randomBytes(32);
    const count = (text: string): number => {
      const database = new DatabaseSync(file);
      try {
        return Number(database.prepare(`select count(*) as n from ${text}`).get()?.["n"]);
      } finally {
        database.close();
      }
    };
    try {
      const confirmed: string[] = [];
      for (const [round, [lines, parts]] of (
        [
          [0, 1],
          [1, 3],
          [2, 6],
        ] as const
      ).entries())
        confirmed.push(...(await killBetweenParts(file, secret.toString("hex"), round, lines, parts)));
      expect(confirmed.length).toBeGreaterThanOrEqual(3);
      const clock = { now: () => Date.now() + 3_600_000, sleep: async () => {} };
      const journal = await openJournal({ store: sqliteStore({ file }), key: { id: "k", secret }, clock });
      const stored = [
        ...(await journal.outbox.list()).map(({ id }) => ({ line: `queued ${id}`, id, box: journal.outbox })),
        ...(await journal.inbox.list()).map((e) => ({ line: `received ${e.messageId}`, id: e.id, box: journal.inbox })),
      ];
      for (const line of confirmed) expect(stored.map((s) => s.line)).toContain(line);
      for (const { line, id, box } of stored) {
        const payload = Buffer.alloc(largeBytes, line.split(" ")[1]);
        expect(Buffer.compare((await box.payload(id)) ?? Buffer.of(), payload), line).toBe(0);
      }
      expect(count("payload_loose")).toBe(0);
      expect(count("payload_part")).toBe(6 * stored.length);
      await journal.close();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
