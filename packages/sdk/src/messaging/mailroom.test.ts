import { buildDialogmelding, type MessageParts } from "@helsekontakt/amqp-messaging/messages";
import type { Journal } from "@helsekontakt/journal";
import { describe, expect, it } from "vitest";
import { Mailroom } from "./mailroom.ts";

const parts = (attachment: number): MessageParts => ({
  function: "DIALOG_INNBYGGER_EKONTAKT",
  sender: {
    herId: "200001",
    name: "Eksempel kommune",
    organisationNumber: "998888887",
    service: { herId: "200002", name: "Hjemmetjenesten Nord" },
  },
  receiver: { herId: "100001", name: "Helsenorge", service: { herId: "100002", name: "Innbyggertjenester" } },
  patient: { fnr: "17851360018", familyName: "Syntetisk", givenName: "Signe" },
  parts: [
    {
      kind: "payload",
      description: "Forespørsel",
      content: buildDialogmelding({ kind: "request", type: "DI", subject: "Time", text: "Du har fått time." }),
    },
    {
      kind: "attachment",
      mimeType: "application/pdf",
      description: "Brev",
      content: Buffer.concat([Buffer.from("%PDF-1.4\n"), Buffer.alloc(attachment, "x"), Buffer.from("\n%%EOF\n")]),
    },
  ],
});

/** Turns of the event loop between the call, what comes before the journal, and the journal. */
async function turns(attachment: number): Promise<{ prepared: number; stored: number; bytes: number }> {
  let turn = 0;
  let done = false;
  const count = (): void => {
    turn++;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  let stored = 0;
  let bytes = 0;
  const outbox = {
    enqueue: async ({ payload }: { payload: Uint8Array }) => {
      stored = turn;
      bytes = payload.byteLength;
      return { id: "1" };
    },
  };
  let prepared = 0;
  await new Mailroom({ outbox } as unknown as Journal, 1_000, () => {}).post(parts(attachment), {}, async () => {
    prepared = turn;
  });
  done = true;
  return { prepared, stored, bytes };
}

describe("Mailroom", () => {
  it("lets the event loop go on between building, checking and storing a large message", async () => {
    const { prepared, stored, bytes } = await turns(2_000_000);
    expect(bytes).toBeGreaterThan(2_600_000);
    expect(prepared).toBeGreaterThanOrEqual(2);
    expect(stored).toBeGreaterThanOrEqual(prepared);
  });

  it("stores a small message in the turn in which it is given", async () => {
    expect((await turns(1_000)).stored).toBe(0);
  });
});
