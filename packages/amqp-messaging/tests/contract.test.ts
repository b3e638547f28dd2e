import { afterAll, beforeAll, describe, it } from "vitest";
import { type BrokerQuirks, contractCases } from "../src/contract.ts";
import { type Peer, type PeerKind, startPeer, settingsFor } from "./_peer.ts";

const kinds: readonly [PeerKind, BrokerQuirks][] = [
  ["rabbitmq-3", {}],
  ["rabbitmq-4", { takesModified: true, releasesUnroutable: true }],
];

describe.each(kinds)("the broker contract, against an in-process peer that behaves as %s", (kind, quirks) => {
  let peer: Peer;
  let n = 0;
  beforeAll(async () => {
    peer = await startPeer(kind);
  });
  afterAll(() => peer.close());

  for (const { name, run } of contractCases)
    it(name, { timeout: 60_000 }, () =>
      run({
        settings: settingsFor(peer),
        makeQueue: () => {
          const queue = `q ø${n++}_async`;
          peer.declare(queue);
          return Promise.resolve(queue);
        },
        deadLettersOf: (queue) => `${queue}_dl`,
        quirks,
      }),
    );
});
