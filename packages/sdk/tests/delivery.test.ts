import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHelsekontakt, openJournal, sqliteStore } from "../src/index.ts";
import { type Exchange, openExchange } from "./_exchange.ts";
import { until } from "./_harness.ts";
import { openLossyProxy } from "./_lossy-proxy.ts";

let exchange: Exchange;
beforeAll(async () => {
  exchange = await openExchange();
});
afterAll(() => exchange.close());

describe("a broker whose answer is lost", () => {
  it("D3: the message is sent again under the same id, and the receiver's handler runs once", async () => {
    const { config, sandbox } = exchange;
    const url = new URL(sandbox.amqp.url);
    const proxy = await openLossyProxy(Number(url.port));
    url.port = String(proxy.port);
    const journal = await openJournal({ store: sqliteStore({ file: join(exchange.dir, "d3.db") }) });
    const { signing, encryption } = sandbox.identities.provider;
    const sdk = createHelsekontakt({
      ...config,
      amqp: { ...config.amqp, url: url.href },
      keys: { signing, decryption: [encryption] },
      journal,
    });
    try {
      await sdk.start();
      const [citizen] = sandbox.citizens.filter((c) => c.status === "self");
      if (citizen === undefined) throw new Error("expected a citizen");
      const { fnr, familyName, givenName } = citizen;
      proxy.dropNextAnswer();
      const sent = await sdk.ekontakt.ask({
        patient: { fnr, familyName, givenName },
        subject: "Time",
        text: "Husk timen",
        type: "EKI",
      });
      expect((await sent.receipt()).status).toBe("accepted");
      expect(proxy.dropped).toBe(1);
      const seen = exchange.seen(sent.msgId);
      await until(() => (seen.arrived.length === 2 ? true : undefined), "a second arrival");
      expect(seen).toEqual({ arrived: [sent.id, sent.id], handled: 1 });
      await until(() => exchange.events.find((e) => e.type === "received" && e.msgId === sent.msgId && e.duplicate));
      // The answer to a message that came twice was sent once.
      expect(await journal.receipts.list(sent.id)).toHaveLength(1);
    } finally {
      await sdk.stop({ drainMs: 2_000 });
      await journal.close();
      await proxy.close();
    }
  });
});
