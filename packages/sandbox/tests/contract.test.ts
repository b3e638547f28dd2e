import { contractCases } from "@helsekontakt/amqp-messaging/contract";
import { afterAll, beforeAll, describe, it } from "vitest";
import { Broker } from "../src/index.ts";

describe("the broker contract, against the sandbox's broker", () => {
  const broker = new Broker({ username: "guest", password: "guest", namespace: "SandboxServiceBus" });
  let n = 0;
  beforeAll(() => broker.start());
  afterAll(() => broker.close());

  for (const { name, run } of contractCases)
    it(name, { timeout: 60_000 }, () =>
      run({
        settings: {
          host: "127.0.0.1",
          port: broker.port,
          transport: "tcp",
          username: "guest",
          password: "guest",
          namespace: "SandboxServiceBus",
        },
        makeQueue: () => {
          const queue = `${n++}_async`;
          broker.declare(queue);
          return Promise.resolve(queue);
        },
        deadLettersOf: (queue) => queue.replace(/_async$/, "_dl"),
      }),
    );
});
