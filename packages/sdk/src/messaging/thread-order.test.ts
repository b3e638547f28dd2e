import { buildDialogmelding, type MessageParts, personal } from "@helsekontakt/amqp-messaging/messages";
import { silentLogger } from "@helsekontakt/core";
import { type Journal, openJournal, sqliteStore } from "@helsekontakt/journal";
import { afterEach, describe, expect, it } from "vitest";
import { createEkontakt } from "../flows/ekontakt.ts";
import { Mailroom } from "./mailroom.ts";
import { readForAnswer } from "./read-head.ts";
import { ThreadOrder } from "./thread-order.ts";

const own = {
  herId: "200001",
  name: "Eksempel kommune",
  organisationNumber: "998888887",
  service: { herId: "200002", name: "Hjemmetjenesten Nord" },
};
const helsenorge = { herId: "100001", name: "Helsenorge", service: { herId: "100002", name: "Innbyggertjenester" } };
const pdf = (bytes: number): Uint8Array =>
  Buffer.concat([Buffer.from("%PDF-1.4\n"), Buffer.alloc(bytes, "x"), Buffer.from("\n%%EOF\n")]);
const brev = (bytes: number) => ({ mimeType: "application/pdf" as const, description: "Brev", content: pdf(bytes) });
const uuid = (tail: string): string => `00000000-0000-4000-8000-${tail.padStart(12, "0")}`;
/** Of a message that the event loop gets its turn at. */
const large = 2_000_000;

const journals: Journal[] = [];
afterEach(async () => {
  for (const journal of journals.splice(0)) await journal.close();
});

async function opened(): Promise<{ journal: Journal; mailroom: Mailroom }> {
  const journal = await openJournal({ store: sqliteStore({ file: ":memory:" }) });
  journals.push(journal);
  return { journal, mailroom: new Mailroom(journal, 1_000, () => {}) };
}

const message = (msgId: string, thread: string, attachment: number): MessageParts => ({
  function: "DIALOG_INNBYGGER_EKONTAKT",
  msgId: uuid(msgId),
  sender: own,
  receiver: helsenorge,
  patient: { fnr: "17851360018", familyName: "Syntetisk", givenName: "Signe" },
  conversation: { parent: uuid(thread), conversation: uuid(thread) },
  parts: [
    {
      kind: "payload",
      description: "Svar",
      content: buildDialogmelding({ kind: "answer", theme: "19", text: "Du har fått time." }),
    },
    { kind: "attachment", ...brev(attachment) },
  ],
});

const stored = async (journal: Journal): Promise<(string | undefined)[]> =>
  (await journal.outbox.list()).map((e) => e.msgId);
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe("Mailroom.post()", () => {
  it("stores the messages of a thread in the order in which they are posted, whatever their sizes", async () => {
    const { journal, mailroom } = await opened();
    await Promise.all([
      mailroom.post(message("a1", "a0", large)),
      mailroom.post(message("a2", "a0", 10)),
      mailroom.post(message("a3", "a0", 10)),
    ]);
    expect(await stored(journal)).toEqual(["a1", "a2", "a3"].map(uuid));
  });

  it("lets other threads pass", async () => {
    const { journal, mailroom } = await opened();
    await Promise.all([mailroom.post(message("a1", "a0", large)), mailroom.post(message("b1", "b0", 10))]);
    expect(await stored(journal)).toEqual(["b1", "a1"].map(uuid));
  });

  it("goes on behind one that is refused or given up", async () => {
    const { journal, mailroom } = await opened();
    const given = new AbortController();
    const posts = [
      mailroom.post(message("a1", "a0", large)),
      mailroom.post(message("a2", "a0", 10), { signal: given.signal }),
      mailroom.post({ ...message("a3", "a0", 10), function: "DIALOG_INNBYGGER_TJENESTEOVERSIKT" }),
      mailroom.post(message("a4", "a0", 10)),
    ];
    given.abort();
    const ends = await Promise.allSettled(posts);
    expect(ends.map((e) => e.status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    expect((ends[1] as PromiseRejectedResult).reason).toMatchObject({ code: "abort/cancelled" });
    expect(await stored(journal)).toEqual(["a1", "a4"].map(uuid));
  });

  it("stores a message in a transaction that others of its thread wait for", async () => {
    const { journal, mailroom } = await opened();
    const first = mailroom.post(message("a1", "a0", large));
    await journal.transaction(async (transaction) => {
      // Until the first one waits for this transaction to end.
      await turns(20);
      await Promise.all([
        mailroom.post(message("a2", "a0", large), { transaction }),
        mailroom.post(message("a3", "a0", 10), { transaction }),
      ]);
    });
    await first;
    expect(await stored(journal)).toEqual(["a2", "a3", "a1"].map(uuid));
  });
});

describe("Mailroom.post() inside a transaction that it is not given", () => {
  it("is refused at once, also behind one of its thread that waits for the transaction", async () => {
    const { journal, mailroom } = await opened();
    const first = mailroom.post(message("a1", "a0", large));
    await journal.transaction(async () => {
      await turns(20);
      await expect(mailroom.post(message("a2", "a0", 10))).rejects.toMatchObject({
        code: "input/invalid",
        hint: "pass { transaction }, or write after it",
      });
    });
    await first;
    expect(await stored(journal)).toEqual([uuid("a1")]);
  });
});

describe("ekontakt.reply()", () => {
  it("stores answers in the order of the calls, each naming the one before as its parent", async () => {
    const { journal, mailroom } = await opened();
    await journal.threads.put({
      dialogId: uuid("a0"),
      own: "200002",
      other: "100002",
      lastMessageId: uuid("a9"),
      person: personal("17851360018"),
      facts: { familyName: "Syntetisk", givenName: "Signe" },
    });
    const { api } = createEkontakt(journal, mailroom, () => own, helsenorge, silentLogger);
    const sent = await Promise.all([
      api.reply(uuid("a0"), { text: "Med vedlegg.", attachments: [brev(large)] }),
      api.reply(uuid("a0"), { text: "Uten." }),
    ]);
    const ids = sent.map((s) => s.msgId);
    expect(await stored(journal)).toEqual(ids);
    const parents = sent.map(async ({ id }) => {
      const payload = await journal.outbox.payload(id);
      return readForAnswer(payload ?? new Uint8Array(0))?.view.conversation?.parent;
    });
    expect(await Promise.all(parents)).toEqual([uuid("a9"), ids[0]]);
  });
});

describe("ThreadOrder", () => {
  it("does the work at once when nothing of the thread is before it", () => {
    let done = false;
    void new ThreadOrder(() => false).run("a0", {}, async () => {
      done = true;
    });
    expect(done).toBe(true);
  });
});
