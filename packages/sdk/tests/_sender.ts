import { readFileSync, writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { join } from "node:path";
import { loadIdentity } from "@helsekontakt/amqp-messaging/protection";
import type { OutboxHold } from "@helsekontakt/journal";
import { createHelsekontakt, type HelsekontaktConfig, openJournal, type Patient, sqliteStore } from "../src/index.ts";

// The process to be killed: journals one message and sends it. It tells each step of the way before it takes it, and at
// the one that it is given it kills itself, as `kill -9` would.

export interface SenderOptions {
  readonly config: Omit<HelsekontaktConfig, "journal" | "keys">;
  /** Folder with the identities' PEM files. */
  readonly keys: string;
  readonly file: string;
  readonly patient: Patient;
  readonly leaseMs: number;
  readonly killAt: SendStep;
}

/** Every step of a send, in order. */
export const sendSteps = [
  "before the message is journalled",
  "after the message is journalled",
  "before the message is claimed",
  "after the message is claimed",
  "before the hold is confirmed",
  "after the hold is confirmed",
  "before the message is written",
  "after the message is written",
  "after the broker has accepted it",
  "after the outcome is noted",
  "before the AppRec is recorded",
  "after the AppRec is recorded",
] as const;
export type SendStep = (typeof sendSteps)[number];

if (process.argv[2] !== undefined && process.argv[1]?.endsWith("_sender.ts")) await send(process.argv[2]);

async function send(file: string): Promise<void> {
  // A process that is killed would leave nothing of what it compiled to the next one.
  flushCompileCache();
  const options = JSON.parse(readFileSync(file, "utf8")) as SenderOptions;
  const step = (name: SendStep): void => {
    writeSync(1, `${name}\n`);
    if (name === options.killAt) process.kill(process.pid, "SIGKILL");
  };
  const journal = await openJournal({ store: sqliteStore({ file: options.file }) });
  const { outbox, receipts } = journal;
  const stepped = (hold: OutboxHold): OutboxHold => ({
    lost: hold.lost,
    async confirm(asked) {
      step("before the hold is confirmed");
      await hold.confirm(asked);
      step("after the hold is confirmed");
    },
    isHeld() {
      const held = hold.isHeld();
      step("before the message is written");
      // The bytes leave in this turn of the event loop.
      setImmediate(() => step("after the message is written"));
      return held;
    },
    end: () => hold.end(),
  });
  const identity = (use: "signing" | "encryption") =>
    loadIdentity({
      key: readFileSync(join(options.keys, `provider-${use}.key.pem`)),
      certificate: readFileSync(join(options.keys, `provider-${use}.crt.pem`)),
    });
  const sdk = createHelsekontakt({
    ...options.config,
    leaseMs: options.leaseMs,
    keys: { signing: identity("signing"), decryption: [identity("encryption")] },
    journal: {
      ...journal,
      outbox: {
        ...outbox,
        async enqueue(message, given) {
          step("before the message is journalled");
          const stored = await outbox.enqueue(message, given);
          step("after the message is journalled");
          return stored;
        },
        async claim(lease) {
          step("before the message is claimed");
          const claims = await outbox.claim(lease);
          if (claims.length > 0) step("after the message is claimed");
          return claims;
        },
        hold: (claim, given) => stepped(outbox.hold(claim, given)),
        async markSent(claim, given) {
          step("after the broker has accepted it");
          const entry = await outbox.markSent(claim, given);
          step("after the outcome is noted");
          return entry;
        },
      },
      receipts: {
        ...receipts,
        async record(facts, given) {
          step("before the AppRec is recorded");
          const record = await receipts.record(facts, given);
          step("after the AppRec is recorded");
          return record;
        },
      },
    },
  });
  const sent = await sdk.ekontakt.ask({ patient: options.patient, subject: "Time", text: "Husk timen", type: "EKI" });
  await sdk.start();
  await sent.receipt();
}
