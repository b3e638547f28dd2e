import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Sandbox, startSandbox, writeIdentities } from "@helsekontakt/sandbox";
import {
  accept,
  createHelsekontakt,
  type Helsekontakt,
  type HelsekontaktConfig,
  type HelsekontaktEvent,
  openJournal,
  sqliteStore,
} from "../src/index.ts";
import { turned } from "./_turned.ts";

/** What the receiving side has seen of one MsgId. */
export interface Seen {
  /** AMQP message ids of its arrivals, in order. */
  readonly arrived: string[];
  /** How often its handler ran. */
  handled: number;
}

/** A sandbox in which Helsenorge's end is an SDK too: its inbox and its handler are what is looked at. */
export interface Exchange {
  readonly sandbox: Sandbox;
  readonly dir: string;
  /** Folder with the identities' PEM files. */
  readonly keys: string;
  /** Of the sending side, without journal and keys. */
  readonly config: Omit<HelsekontaktConfig, "journal" | "keys">;
  seen(msgId: string): Seen;
  readonly events: HelsekontaktEvent[];
  close(): Promise<void>;
}

export async function openExchange(): Promise<Exchange> {
  const dir = await mkdtemp(join(tmpdir(), "helsekontakt-exchange-"));
  const sandbox = await startSandbox({ citizens: 40 });
  await sandbox.counterpartTransport.close();
  const keys = join(dir, "keys");
  await writeIdentities(sandbox.identities, keys);
  const { keys: _keys, ...config } = sandbox.config;
  const journal = await openJournal({ store: sqliteStore({ file: join(dir, "receiver.db") }) });
  const all = new Map<string, Seen>();
  const seen = (msgId: string): Seen => {
    const known = all.get(msgId) ?? { arrived: [], handled: 0 };
    all.set(msgId, known);
    return known;
  };
  const receiver: Helsekontakt = createHelsekontakt({
    ...turned(config),
    keys: { signing: sandbox.identities.helsenorge.signing, decryption: [sandbox.identities.helsenorge.encryption] },
    journal: {
      ...journal,
      inbox: {
        ...journal.inbox,
        accept(message, given) {
          seen(message.msgId ?? "").arrived.push(message.messageId);
          return journal.inbox.accept(message, given);
        },
      },
    },
  });
  const events: HelsekontaktEvent[] = [];
  receiver.onEvent((event) => events.push(event));
  receiver.ekontakt.onMessage((message) => {
    seen(message.msgId).handled++;
    return accept();
  });
  await receiver.start();
  return {
    sandbox,
    dir,
    keys,
    config,
    seen,
    events,
    async close() {
      await receiver.stop({ drainMs: 2_000 });
      await journal.close();
      await sandbox.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
