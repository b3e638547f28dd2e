import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openJournal, sqliteStore } from "@helsekontakt/journal";
import { createTally } from "./_tally.ts";

// The embedded journal's memory as its file grows past every cache: what is resident after a collection once the caches are
// full, against what is resident when the file is twice as large. SQLite keeps pages of its file, up to a bound of ours.

const mib = 1024 * 1024;
/** Beyond the pages that SQLite may keep of the file, for writing and for reading (6 MiB). */
const fullAt = 16 * mib;
const until = 8 * fullAt;
const most = 1.05;
const atOnce = 100;
const payload = Buffer.alloc(5_000, "5 KB ");

const folder = mkdtempSync(join(tmpdir(), "journal-memory-"));
const file = join(folder, "journal.sqlite");
const tally = createTally();
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options: object) => void;

function resident(): number {
  // Twice: what the first one gives up is given back by the next.
  for (let n = 0; n < 2; n++) collect({ type: "major", execution: "sync", flavor: "last-resort" });
  return process.memoryUsage().rss;
}

try {
  const journal = await openJournal({ store: sqliteStore({ file }), key: { id: "k", secret: Buffer.alloc(32, 7) } });
  const through = async (n: number): Promise<void> => {
    const ids = { messageId: `m${n}`, msgId: `x${n}` };
    await journal.outbox.enqueue({ ...ids, kind: "K", from: "1", to: "2", payload });
    await journal.inbox.accept({ ...ids, kind: "K", from: "2", to: "1", payload });
  };
  let messages = 0;
  const levels: { readonly size: number; readonly rss: number }[] = [];
  for (let size = 0; size < until; size = statSync(file).size) {
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: atOnce }, () => through(messages++)));
      for (const claim of await journal.outbox.claim({ owner: "o", limit: atOnce }))
        await journal.outbox.markSent(claim);
      for (const claim of await journal.inbox.claim({ owner: "o", limit: atOnce })) await journal.inbox.handled(claim);
    }
    levels.push({ size, rss: resident() });
  }
  await journal.close();
  const full = levels.filter(({ size }) => size >= fullAt).map(({ rss }) => rss);
  const [first = Number.NaN, highest] = [full[0], Math.max(...full)];
  tally.check(full.length >= 5, `${full.length} levels beyond ${fullAt / mib} MiB of file, expected at least 5`);
  tally.check(
    highest <= first * most,
    `${Math.round(highest / mib)} MiB are resident, ${Math.round(first / mib)} when the caches were full: at most ${most} times`,
  );
  const inMib = levels.map(({ size, rss }) => `${Math.round(rss / mib)} at ${Math.round(size / mib)}`);
  tally.finish("journal memory", {}, { messages, "MiB resident at MiB of file": inMib.join(", ") });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
