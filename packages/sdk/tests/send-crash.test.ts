import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHelsekontakt, openJournal, sqliteStore } from "../src/index.ts";
import { type Exchange, openExchange } from "./_exchange.ts";
import { type SenderOptions, type SendStep, sendSteps } from "./_sender.ts";

let exchange: Exchange;
beforeAll(async () => {
  exchange = await openExchange();
});
afterAll(() => exchange.close());

const program = fileURLToPath(new URL("./_sender.ts", import.meta.url));
const leaseMs = 300;

/** Runs a sender until it kills itself; the steps that it told. */
async function runAndKill(options: SenderOptions): Promise<string[]> {
  const file = join(exchange.dir, `options-${sendSteps.indexOf(options.killAt)}.json`);
  await writeFile(file, JSON.stringify(options));
  const child = spawn(
    process.execPath,
    [
      "--experimental-strip-types",
      "--conditions=helsekontakt-source",
      "--no-warnings=ExperimentalWarning",
      program,
      file,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  const signal = await new Promise((resolve) => child.on("close", (_, by) => resolve(by)));
  expect(signal, text).toBe("SIGKILL");
  return text.trim().split("\n");
}

/** Steps at which the broker may have the message although its sender does not know. */
const ambiguous: readonly SendStep[] = ["after the message is written", "after the broker has accepted it"];

describe("a sender that is killed", () => {
  it.each(sendSteps.map((step, n) => [n + 1, step] as const))(
    "D4: kill -9 at step %i, %s: the message goes out exactly once by id",
    async (_, killAt) => {
      const [citizen] = exchange.sandbox.citizens.filter((c) => c.status === "self");
      if (citizen === undefined) throw new Error("expected a citizen");
      const { fnr, familyName, givenName } = citizen;
      const patient = { fnr, familyName, givenName };
      const file = join(exchange.dir, `sender-${sendSteps.indexOf(killAt)}.db`);
      const { config, keys } = exchange;
      const told = await runAndKill({ config, keys, file, patient, leaseMs, killAt });
      expect(told.at(-1)).toBe(killAt);

      // The next process finds what the first one left, and the application repeats only a call that never came back.
      const journal = await openJournal({ store: sqliteStore({ file }) });
      const { signing, encryption } = exchange.sandbox.identities.provider;
      const sdk = createHelsekontakt({
        ...config,
        leaseMs,
        keys: { signing, decryption: [encryption] },
        journal,
      });
      try {
        const left = await journal.outbox.list();
        expect(left).toHaveLength(killAt === "before the message is journalled" ? 0 : 1);
        const repeated =
          left.length > 0 ? [] : [await sdk.ekontakt.ask({ patient, subject: "T", text: "T", type: "EKI" })];
        const id = left[0]?.id ?? repeated[0]?.id ?? "";
        await sdk.start();
        const entry = await journal.outbox.wait(id);
        expect(entry).toMatchObject({ transport: "sent", application: "accepted", messageId: id });
        const { arrived, handled } = exchange.seen(entry.msgId ?? "");
        expect(new Set(arrived)).toEqual(new Set([id]));
        expect(handled).toBe(1);
        if (!ambiguous.includes(killAt)) expect(arrived).toHaveLength(1);
        expect(arrived.length).toBeLessThanOrEqual(2);
      } finally {
        await sdk.stop({ drainMs: 2_000 });
        await journal.close();
      }
    },
    60_000,
  );
});
