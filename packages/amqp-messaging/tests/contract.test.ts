import { afterAll, beforeAll, describe, it } from "vitest";
import { contractCases } from "../src/contract.ts";
import { exchange, type Peer, startPeer } from "./_peer.ts";

describe("the broker contract, against an in-process peer", () => {
  let peer: Peer;
  let n = 0;
  beforeAll(async () => {
    peer = await startPeer();
  });
  afterAll(() => peer.close());

  for (const { name, run } of contractCases)
    it(name, { timeout: 60_000 }, () =>
      run({
        settings: {
          host: "127.0.0.1",
          port: peer.port,
          transport: "tcp",
          username: "guest",
          password: "guest",
          namespace: exchange,
        },
        makeQueue: () => {
          const queue = `q${n++}_async`;
          peer.declare(queue);
          return Promise.resolve(queue);
        },
      }),
    );
});
