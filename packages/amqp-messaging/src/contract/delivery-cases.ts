import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { HelsekontaktError } from "@helsekontakt/core";
import rhea from "rhea";
import { senderAddress } from "../connection/address.ts";
import { detectDialect } from "../connection/dialect.ts";
import type { Outcome } from "../connection/outcome.ts";
import { collect, type ContractCase, type ContractEnvironment, message, scoped } from "./harness.ts";

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const code = (expected: string) => (error: unknown) => HelsekontaktError.from(error).code === expected;

/** @internal What is sent arrives as it was, and what cannot be sent or read is told. */
export const deliveryCases: readonly ContractCase[] = [
  scoped("a message arrives with every property as it was sent", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    const sent = { ...message(queue), ttlMs: 60_000 };
    await connection.send(queue, sent);
    const [got] = await collect(connection, queue, 1);
    assert.ok(got);
    assert.equal(got.message.messageId, sent.messageId);
    assert.equal(got.message.correlationId, sent.correlationId);
    assert.equal(got.message.to, queue);
    assert.equal(got.message.subject, sent.subject);
    assert.equal(got.message.replyTo, sent.replyTo);
    assert.equal(got.message.contentType, sent.contentType);
    assert.deepEqual(Object.fromEntries(got.message.applicationProperties), sent.applicationProperties);
    assert.equal(got.message.durable, true);
    assert.equal(got.message.bodyKind, "data");
    assert.equal(got.redelivered, false);
  }),
  scoped("bodies of 0, 1, 255, 256, 300 k and 3 M bytes arrive to the byte", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    const bodies = [0, 1, 255, 256, 300_000, 3_000_000].map((n) => randomBytes(n));
    for (const body of bodies) await connection.send(queue, message(queue, body));
    const got = await collect(connection, queue, bodies.length);
    assert.deepEqual(
      got.map((d) => sha(d.message.body)),
      bodies.map(sha),
    );
  }),
  scoped("many sends at once are all accepted and arrive in order", async (s) => {
    const queue = await s.environment.makeQueue();
    const connection = await s.connect();
    const ids = Array.from({ length: 500 }, (_, i) => `order-${i}`);
    await Promise.all(ids.map((id) => connection.send(queue, message(queue, Buffer.alloc(500), id))));
    assert.deepEqual(
      (await collect(connection, queue, ids.length)).map((d) => d.message.messageId),
      ids,
    );
  }),
  scoped(
    "an address that the broker does not know is refused, and the connection lives on",
    async (s) => {
      const queue = await s.environment.makeQueue();
      const connection = await s.connect();
      const missing = connection.receive("no_such_queue", () => Promise.resolve<Outcome>("accept"));
      await assert.rejects(missing.attached, code("amqp/link-refused"));
      await missing.stop();
      const elsewhere = await s.connect({ namespace: "NoSuchExchange" });
      await assert.rejects(elsewhere.send(queue, message(queue)), code("amqp/link-refused"));
      await connection.send(queue, message(queue));
      assert.equal((await collect(connection, queue, 1)).length, 1);
    },
    "makesQueues",
  ),
  scoped(
    "D10: a message goes out durable, and one that no queue takes is told where the broker tells it",
    async (s) => {
      const queue = await s.environment.makeQueue();
      const connection = await s.connect();
      await connection.send(queue, message(queue, undefined, "kept"));
      assert.equal((await collect(connection, queue, 1))[0]?.message.durable, true);
      if (s.environment.quirks?.releasesUnroutable !== true) return;
      const lost = connection.send("no_such_key", message("no_such_key"));
      const error = await lost.then(
        () => undefined,
        (reason: unknown) => HelsekontaktError.from(reason),
      );
      assert.equal(error?.code, "amqp/released");
      assert.match(error?.message ?? "", /expected a queue at the broker that takes messages for "no_such_key"/);
    },
    "makesQueues",
  ),
  scoped(
    "a wrong password is told at once",
    (s) => assert.rejects(s.connect({ password: "wrong" }), code("amqp/unauthorized")),
    "withoutPasswords",
  ),
  scoped("messages without a body, with several data sections and with a value arrive as what they are", async (s) => {
    const queue = await s.environment.makeQueue();
    await sendRaw(s.environment, queue, [
      {
        message_id: "several",
        body: rhea.message.data_sections([Buffer.from("a"), Buffer.from("b"), Buffer.from("c")]),
      },
      { message_id: "value", body: { a: 1 } },
      { message_id: 42, body: rhea.message.data_section(Buffer.from("n")) },
    ]);
    const got = await collect(await s.connect(), queue, 3);
    const { reversesDataSections, keepsLastDataSection } = s.environment.quirks ?? {};
    const joined = keepsLastDataSection === true ? "c" : reversesDataSections === true ? "cba" : "abc";
    assert.deepEqual(
      got.map((d) => [d.message.messageId, d.message.bodyKind, Buffer.from(d.message.body).toString()]),
      [
        ["several", "data", joined],
        ["value", "value", ""],
        [42, "data", "n"],
      ],
    );
  }),
];

async function sendRaw(environment: ContractEnvironment, queue: string, messages: readonly object[]): Promise<void> {
  const { host, port, username, password, namespace, dialect = "auto" } = environment.settings;
  const container = rhea.create_container();
  const connection = container.connect({ host, port, username, password, reconnect: false } as never);
  await once(connection, "connection_open");
  const form = dialect === "auto" ? detectDialect(host, connection.properties) : dialect;
  try {
    await new Promise<void>((resolve, reject) => {
      let accepted = 0;
      for (const name of ["error", "connection_error", "session_error", "disconnected"])
        container.on(name, () => reject(new Error("the raw sender failed")));
      const sender = connection.open_sender(senderAddress(form, namespace, queue));
      sender.once("sendable", () => messages.forEach((m) => sender.send(m as never)));
      sender.on("accepted", () => {
        accepted++;
        if (accepted === messages.length) resolve();
      });
    });
  } finally {
    connection.close();
  }
}
