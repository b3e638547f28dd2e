import { readFileSync } from "node:fs";
import { HelsekontaktError, waitFor } from "@helsekontakt/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { MessengerOptions, PartyRegistry } from "../src/index.ts";
import { decodeWireMessage } from "../src/protocol.ts";
import { patient, startWorld, type World } from "./_world.ts";

describe("Messenger.protectAndSend()", () => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.end());

  const sentProperties = async (options: Partial<MessengerOptions>): Promise<Record<string, unknown>> => {
    await world.messenger(world.alice, { telemetry: false, ...options }).protectAndSend(world.outbound());
    const bytes = world.peer.published.at(-1) ?? Buffer.alloc(0);
    return Object.fromEntries(decodeWireMessage(bytes).applicationProperties);
  };

  it("says which program sent it, and the facts of the payload unless they are switched off; never who it is about", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    const program = {
      "X-ExecutingAssembly": "@helsekontakt/amqp-messaging",
      "X-ExecutingAssemblyVersion": version,
      "X-TargetFramework": `node ${process.versions.node}`,
    };
    const all = await sentProperties({ systemIdentifier: "EPJ 1.0" });
    expect(all).toMatchObject({
      ...program,
      "X-SystemIdentifier": "EPJ 1.0",
      "X-MessageInfo-MsgId": "m-1",
      "X-Sender-Lvl2Id": world.alice.herId,
      "X-AttachmentInfo-Count": "0",
    });
    const few = await sentProperties({ metadata: false });
    expect(few).toMatchObject(program);
    expect(Object.keys(few).filter((name) => /^X-(?:MessageInfo|Sender|Receiver|AttachmentInfo)-/.test(name))).toEqual(
      [],
    );
    expect(JSON.stringify([all, few])).not.toContain(patient);
  });

  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

  it.each<[phase: string, prepare: (abort: () => void) => Partial<MessengerOptions>]>([
    ["before anything", (abort) => (abort(), {})],
    [
      "while the registry is asked",
      (abort) => {
        const registry: PartyRegistry = {
          resolve: ({ signal }) => {
            setImmediate(abort);
            return waitFor(new Promise<never>(() => {}), signal);
          },
          invalidate() {},
        };
        return { registry };
      },
    ],
    [
      "while a key elsewhere signs",
      (abort) => ({
        signer: {
          certificate: world.alice.sign.certificate,
          key: {
            sign: (_, { signal }) => {
              setImmediate(abort);
              return waitFor(new Promise<never>(() => {}), signal);
            },
          },
        },
      }),
    ],
    [
      "while the broker is waited for",
      (abort) => {
        world.peer.hold(true);
        setTimeout(abort, 200);
        return {};
      },
    ],
  ])("O1: is cancelled %s, at once, and leaves no timer behind", async (_, prepare) => {
    const controller = new AbortController();
    const before = timers();
    const messenger = world.messenger(
      world.alice,
      prepare(() => controller.abort(new Error("enough"))),
    );
    const error = await messenger.protectAndSend(world.outbound(), { signal: controller.signal }).then(
      () => expect.fail("expected it to be cancelled"),
      (reason: unknown) => HelsekontaktError.from(reason),
    );
    expect(error.code).toBe("abort/cancelled");
    world.peer.hold(false);
    await new Promise((resolve) => setImmediate(resolve));
    expect(timers()).toBeLessThanOrEqual(before);
  });
});
