import { inspect } from "node:util";
import { HelsekontaktError } from "@helsekontakt/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MessagingError, type MessengerOptions, type OutboundMessage, type Party } from "../src/index.ts";
import { registryOf } from "./_parties.ts";
import { startWorld, type World, withQueues } from "./_world.ts";

const day = 86_400_000;

describe("MessagingError", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world.end());

  const bobAs = (change: object) => (w: World) => ({
    registry: registryOf([withQueues(w.alice), { ...withQueues(w.bob), ...change } as Party]),
  });
  const failingRegistry =
    (
      code:
        | "registry/unavailable"
        | "registry/profile-invalid"
        | "registry/party-inactive"
        | "registry/agreement-expired"
        | "registry/no-profile",
    ) =>
    (w: World) => {
      const registry = registryOf([withQueues(w.bob)]);
      registry.fail = new HelsekontaktError(code, "expected an answer");
      return { registry };
    };
  const later = (ms: number) => () => ({
    clock: { now: () => Date.now() + ms, sleep: () => Promise.resolve() },
  });

  it.each<
    [what: string, options: (w: World) => Partial<MessengerOptions>, message: Partial<OutboundMessage>, want: object]
  >([
    [
      "no such party",
      () => ({}),
      { toHerId: "9" },
      { code: "registry/party-unknown", event: "MUG-4", party: "9", retryable: false },
    ],
    [
      "party inactive",
      failingRegistry("registry/party-inactive"),
      {},
      { code: "registry/party-inactive", event: "MUG-4", retryable: false },
    ],
    ["no queue", bobAs({ queues: {} }), {}, { code: "registry/no-queue", event: "MUG-3", retryable: false }],
    [
      "function not supported",
      bobAs({ kind: "cpp", receives: () => false }),
      {},
      { code: "registry/function-unsupported", event: "MUG-33", retryable: false },
    ],
    [
      "registry away",
      failingRegistry("registry/unavailable"),
      {},
      { code: "registry/unavailable", event: "REG-1", retryable: true },
    ],
    [
      "profile unreadable",
      failingRegistry("registry/profile-invalid"),
      {},
      { code: "registry/profile-invalid", event: "REG-2", retryable: false },
    ],
    [
      "agreement not in force",
      failingRegistry("registry/agreement-expired"),
      {},
      { code: "registry/agreement-expired", event: "REG-3", retryable: false },
    ],
    [
      "no profile where one is asked for",
      failingRegistry("registry/no-profile"),
      {},
      { code: "registry/no-profile", event: "REG-2", retryable: false },
    ],
    [
      "no encryption certificate",
      bobAs({ encryptionCertificate: undefined }),
      {},
      { code: "protection/certificate-invalid", event: "MUG-11" },
    ],
    [
      "certificates expired, the receiver's is found first",
      later(60 * day),
      {},
      { code: "protection/certificate-invalid", event: "MUG-12", context: { faults: ["expired"] } },
    ],
    ["certificates not valid yet", later(-2 * day), {}, { code: "protection/certificate-invalid", event: "MUG-11" }],
    [
      "the receiver's certificate for another use",
      (w) => bobAs({ encryptionCertificate: w.bob.sign.certificate })(w),
      {},
      { code: "protection/certificate-invalid", event: "MUG-14" },
    ],
    [
      "the receiver's certificate with two faults",
      (w) => ({ ...bobAs({ encryptionCertificate: w.bob.sign.certificate })(w), ...later(60 * day)() }),
      {},
      { code: "protection/certificate-invalid", event: "MUG-10" },
    ],
    [
      "the own certificate for another use",
      (w) => ({ signer: w.alice.encrypt }),
      {},
      { code: "protection/certificate-invalid", event: "MUG-19" },
    ],
    [
      "no signing key",
      () => ({ keys: () => ({}) }),
      {},
      { code: "config/missing", event: undefined, retryable: false },
    ],
    [
      "message larger than the broker takes",
      () => ({}),
      { payload: Buffer.alloc(51 * 1024 * 1024, "x"), protection: "plain" },
      { code: "input/too-large", event: "MUG-2", retryable: false },
    ],
  ])("U1: %s: code, event number, party, message id, and whether to try again", async (_, options, message, want) => {
    const outbound = world.outbound(message);
    const error = await world
      .messenger(world.alice, options(world))
      .protectAndSend(outbound)
      .then(
        () => expect.fail("expected the send to fail"),
        (reason: unknown) => reason,
      );
    expect(error).toBeInstanceOf(MessagingError);
    expect(error).toBeInstanceOf(HelsekontaktError);
    expect(error).toMatchObject({ party: outbound.toHerId, messageId: outbound.messageId, cause: undefined, ...want });
    expect((error as Error).message).toMatch(/^\[[a-z-]+\/[a-z-]+\] expected /);
  });

  it("U1: keeps the inner error behind a method, and prints none of it", () => {
    const inner = new Error("payload of 01818010083");
    const error = MessagingError.of(
      new HelsekontaktError("amqp/rejected", "expected accepted", {
        original: inner,
        remoteCode: "amqp:not-allowed",
        hint: "h",
      }),
      "send",
      { party: "1", messageId: "m" },
    );
    expect(error.original()).toBe(inner);
    expect(error.toJSON()).toMatchObject({
      code: "amqp/rejected",
      remoteCode: "amqp:not-allowed",
      hint: "h",
      party: "1",
      messageId: "m",
      event: "MUG-2",
    });
    expect(inspect(error) + JSON.stringify(error)).not.toContain("01818010083");
  });
  it("U1: adds what is not known yet, and keeps what is", () => {
    const first = MessagingError.of(new HelsekontaktError("amqp/timeout", "expected it"), "call", { messageId: "m" });
    const again = MessagingError.of(first, "send", { party: "1", messageId: "other" });
    expect(again).toMatchObject({ party: "1", messageId: "m", event: "MUG-30" });
    expect(again.message).toBe("[amqp/timeout] expected it");
  });
});
