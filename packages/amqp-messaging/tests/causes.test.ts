import { setTimeout as sleep } from "node:timers/promises";
import { HelsekontaktError } from "@helsekontakt/core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  accept,
  deadLetter,
  type ErrorQueueMessage,
  type FailureCause,
  failureReports,
  type HandlerResult,
  type InboundMessage,
  type MessengerOptions,
  type Party,
  type PartyRegistry,
  rejectFor,
  rejectWith,
  retryLater,
} from "../src/index.ts";
import { protect, type RevocationChecker } from "../src/protection/index.ts";
import { registryOf, testParty } from "./_parties.ts";
import { payloadFrom, startWorld, type World, withQueues } from "./_world.ts";

const day = 86_400_000;

/** How one cause comes about. */
interface Case {
  readonly options?: (world: World) => Partial<MessengerOptions>;
  /** Puts the message on Bob's queue; default: a good one from Alice. */
  readonly send?: (world: World) => Promise<unknown>;
  readonly answer?: HandlerResult;
  /** The cause that the sender is told, where its own must not be; default: its own. */
  readonly as?: FailureCause;
  /** Default: the condition, text and data that the specification gives. */
  readonly told?: { readonly description?: string | RegExp; readonly data?: readonly (string | RegExp)[] };
}

const at = (ms: number): Partial<MessengerOptions> => ({
  clock: { now: () => Date.now() + ms, sleep: (pause) => sleep(pause) },
});
const aliceAs = (world: World, change: Partial<Party>): Partial<MessengerOptions> => ({
  registry: registryOf([{ ...withQueues(world.alice), ...change } as Party, withQueues(world.bob)]),
});
/** An authority's answer about a revocation: the checker itself has its own tests. */
const revocation =
  (reason: string, retryable = false) =>
  (world: World): Partial<MessengerOptions> => {
    const checker: RevocationChecker = {
      mode: "require",
      check: () =>
        Promise.reject(
          new HelsekontaktError("protection/certificate-invalid", "expected it", { retryable, context: { reason } }),
        ),
      status: () => Promise.resolve({ status: "unknown", reason: "unavailable" }),
    };
    return { trust: { anchors: [world.alice.sign.certificate], revocation: checker } };
  };
const wrongUse = (world: World) => aliceAs(world, { signatureCertificate: world.alice.encrypt.certificate });
const certificate = [/^Subject: .*CN=Party/, /^Thumbprint: [0-9a-f]{40}$/];
const raw = (body: Uint8Array) => (world: World) => world.connection.send(`${world.bob.herId}_async`, world.wire(body));
/** Known to the address registry, unknown to the other one. */
const halfKnown = (world: World): Partial<MessengerOptions> => {
  const whole = registryOf([withQueues(world.alice), withQueues(world.bob)]);
  const registry: PartyRegistry = {
    resolve: (request) =>
      request.ownHerId === undefined
        ? whole.resolve(request)
        : Promise.reject(new HelsekontaktError("registry/party-unknown", "expected a party")),
    invalidate: () => {},
  };
  return { registry };
};
const without =
  (name: "signatureCertificate", kind: Party["kind"]) =>
  (world: World): Partial<MessengerOptions> => {
    const { [name]: _, ...rest } = withQueues(world.alice);
    const party = { ...rest, kind, cpaId: "c", receives: () => true } as unknown as Party;
    return { registry: registryOf([party, withQueues(world.bob)]) };
  };

/** Every cause that is reported, by the failure that the specification means. */
const reported: Readonly<Partial<Record<FailureCause, Case>>> = {
  "certificate-missing": { options: without("signatureCertificate", "cpp"), told: { data: [] } },
  "certificate-not-yet-valid": { options: () => at(-2 * day), told: { data: certificate } },
  "certificate-expired": { options: () => at(60 * day), told: { data: certificate } },
  "certificate-usage": { options: wrongUse, told: { data: certificate } },
  "certificate-several-faults": {
    options: (world) => ({ ...wrongUse(world), ...at(60 * day) }),
    told: { data: certificate },
  },
  "certificate-revoked": { options: revocation("revoked"), told: { data: certificate } },
  "certificate-revocation-unknown": { options: revocation("revocation-unknown"), told: { data: certificate } },
  "signer-unexpected": {
    send: async (world) => {
      const mallory = await testParty("1");
      const body = await protect(payloadFrom(world.alice.herId), {
        signer: mallory.sign,
        recipients: [world.bob.encrypt.certificate],
      });
      await raw(body)(world);
    },
    as: "undecryptable",
  },
  undecryptable: {
    send: async (world) => {
      const body = await protect(payloadFrom(world.alice.herId), {
        signer: world.alice.sign,
        recipients: [world.alice.encrypt.certificate],
      });
      await raw(body)(world);
    },
  },
  "not-cms": {
    send: raw(Buffer.from("not cms")),
    told: { description: "The body is not a CMS structure of the expected kind" },
  },
  "fields-missing": {
    send: (world) =>
      world.connection.send(
        `${world.bob.herId}_async`,
        world.wire(Buffer.from("x"), {
          applicationProperties: { fromHerId: world.alice.herId, toHerId: "abc" },
        }),
      ),
    told: { data: ["toHerId", "applicationTimeStamp"] },
  },
  "payload-not-xml": {
    send: (world) => world.messenger(world.alice).protectAndSend(world.outbound({ payload: Buffer.from("not xml") })),
  },
  "payload-schema": {
    answer: rejectFor("payload-schema", "element missing"),
    told: { description: "element missing" },
  },
  "payload-mismatch": {
    answer: rejectFor("payload-mismatch", "wrong receiver", ["1", "2"]),
    told: { description: "wrong receiver", data: ["1", "2"] },
  },
  "application-error": {
    answer: rejectFor("application-error", "no such ward"),
    told: { description: "no such ward" },
  },
  "field-invalid": {
    answer: rejectFor("field-invalid", "bad cpaId", ["cpaId"]),
    told: { description: "bad cpaId", data: ["cpaId"] },
  },
  "field-required": {
    answer: rejectFor("field-required", undefined, ["ConversationId"]),
    told: { data: ["ConversationId"] },
  },
  "wrong-encoding": { answer: rejectFor("wrong-encoding", undefined, ["UTF-8"]), told: { data: ["UTF-8"] } },
  "not-interpretable": { answer: rejectFor("not-interpretable") },
  "sender-mismatch": {
    send: (world) => world.messenger(world.alice).protectAndSend(world.outbound({ payload: payloadFrom("777") })),
    told: { data: [/^\d+$/, "1", "777"] },
  },
  "unsupported-message": {
    send: (world) => world.messenger(world.alice).protectAndSend(world.outbound({ protection: "plain" })),
    told: { description: "The message must be signed and encrypted" },
  },
  "sender-unknown": {
    options: halfKnown,
    told: { description: "The sender's HER-id is not known", data: ["FromHerId", /^\d+$/] },
  },
  "sender-without-certificate": {
    options: without("signatureCertificate", "dummy"),
    told: {
      description: "The address registry has no signature certificate for the sender",
      data: ["FromHerId", /^\d+$/],
    },
  },
};
/** Proved elsewhere: decryption-failed is answered as undecryptable, the reply queue in calls.test.ts. */
const elsewhere: readonly FailureCause[] = ["decryption-failed", "signature-invalid", "reply-queue-unknown"];

describe("what is wrong with a message, by cause", () => {
  let world: World;
  let reports: ErrorQueueMessage[];
  beforeAll(async () => {
    world = await startWorld();
    reports = world.reports();
  });
  afterAll(() => world.end());
  beforeEach(() => {
    reports.length = 0;
    world.events.length = 0;
  });

  /** One run of a case; Bob stops afterwards, so that the next case has the queue to itself. */
  const run = async ({ options, send, answer = "accept" }: Case, done: () => boolean): Promise<InboundMessage[]> => {
    const handled: InboundMessage[] = [];
    const bob = world.messenger(world.bob, options?.(world) ?? {});
    const subscription = bob.receive(`${world.bob.herId}_async`, (m) => {
      handled.push(m);
      return Promise.resolve(answer);
    });
    await (send ?? ((w) => w.messenger(w.alice).protectAndSend(w.outbound())))(world);
    await world.until("the end", done);
    await sleep(30);
    await subscription.stop({ drainMs: 100 });
    return handled;
  };

  it.each(Object.keys(reported) as FailureCause[])(
    "%s: one report with its condition, one settlement",
    async (cause) => {
      const expected = reported[cause] ?? {};
      const { condition, description } = failureReports[expected.as ?? cause];
      const handled = await run(expected, () => reports.length > 0 && world.events.some((e) => e.kind === "refused"));
      expect(reports).toHaveLength(1);
      const [first] = reports;
      if (first?.kind !== "report") return expect.fail("expected a report");
      expect(first.report.condition).toBe(condition);
      const text = expected.told?.description ?? description;
      if (text !== undefined) expect(first.report.description).toMatch(text);
      else expect(first.report.description).not.toBe("");
      const data = expected.told?.data ?? [];
      expect(first.report.data).toHaveLength(data.length);
      for (const [i, item] of data.entries()) expect(first.report.data[i]).toMatch(item);
      expect(handled).toHaveLength(expected.answer === undefined ? 0 : 1);
      const refused = world.events.filter((e) => e.kind === "refused");
      expect(refused).toHaveLength(1);
      expect(refused[0]).toMatchObject({ condition, reported: true, error: { party: world.alice.herId } });
      if (expected.answer === undefined)
        expect(refused[0]?.error).toMatchObject({ cause, event: failureReports[cause].event });
      expect(world.peer.queue(`${world.bob.herId}_async`).messages).toHaveLength(0);
      expect(world.peer.queue(`${world.bob.herId}_async`).dead).toHaveLength(0);
    },
  );

  it("every cause that has a condition has its case", () => {
    const all = Object.entries(failureReports).filter(([, report]) => report.condition !== undefined);
    expect([...Object.keys(reported), ...elsewhere].sort()).toEqual(all.map(([cause]) => cause).sort());
  });

  it("certificate-revocation-offline: nobody is told, the message is held and comes through when the list is back", async () => {
    let away = true;
    const trust = revocation("revocation-offline", true)(world).trust;
    const checker = trust?.revocation as RevocationChecker;
    const handled = await run(
      {
        options: () => ({
          maxTries: 2,
          trust: {
            anchors: trust?.anchors ?? [],
            revocation: { ...checker, check: (path) => (away ? checker.check(path) : Promise.resolve()) },
          },
        }),
      },
      () => {
        away = world.events.filter((e) => e.kind === "retry").length < 4;
        return world.events.some((e) => e.kind === "accepted");
      },
    );
    expect(handled).toHaveLength(1);
    expect(reports).toHaveLength(0);
    expect(world.events.find((e) => e.kind === "retry")).toMatchObject({
      tries: 0,
      error: { code: "protection/certificate-invalid", event: "MUG-42" },
    });
  });
  it("sender-not-named: nobody can be told; the message is removed", async () => {
    await run(
      {
        send: (w) =>
          w.connection.send(
            `${w.bob.herId}_async`,
            w.wire(Buffer.from("x"), { applicationProperties: { toHerId: w.bob.herId } }),
          ),
      },
      () => world.events.some((e) => e.kind === "refused"),
    );
    expect(world.events.find((e) => e.kind === "refused")).toMatchObject({ reported: false });
    expect(reports).toHaveLength(0);
  });
  it("unknown: a fault of the application's is never told to the sender; the message is dead-lettered after its tries", async () => {
    const { dead, reasons } = world.peer.queue(`${world.bob.herId}_async`);
    const bob = world.messenger(world.bob, { maxTries: 3 });
    const subscription = bob.receive(`${world.bob.herId}_async`, () => Promise.reject(new Error("boom")));
    await world.messenger(world.alice).protectAndSend(world.outbound());
    await world.until("the dead letter", () => dead.length === 1);
    await subscription.stop({ drainMs: 100 });
    expect(reasons.at(-1)?.description).toBe("failed 3 times, last with message/handler-failed");
    expect(world.events.filter((e) => e.kind === "retry")).toHaveLength(2);
    expect(world.events.find((e) => e.kind === "dead-letter")).toMatchObject({
      error: { code: "message/handler-failed", event: "MUG-35", party: world.alice.herId },
    });
    expect(reports).toHaveLength(0);
  });

  it.each<[string, HandlerResult, { condition?: string; description?: string; data?: readonly string[] }, string]>([
    ["accept()", accept(), {}, "accepted"],
    [
      "rejectWith(condition, text, data)",
      rejectWith("transport:unsupported-message", "not here", ["a", "b"]),
      { condition: "transport:unsupported-message", description: "not here", data: ["a", "b"] },
      "refused",
    ],
    [
      "rejectWith(condition)",
      rejectWith("transport:invalid-field-value"),
      { condition: "transport:invalid-field-value", description: "Invalid value in field: 'AnyField'.", data: [] },
      "refused",
    ],
    ["retryLater()", retryLater(), {}, "dead-letter"],
    ["retryLater(ms)", retryLater(5), {}, "dead-letter"],
    ["deadLetter()", deadLetter(), {}, "dead-letter"],
    ["deadLetter(reason)", deadLetter("ward closed"), {}, "dead-letter"],
  ])("U2: %s gives the right report and the right settlement", async (_, answer, told, end) => {
    await run({ options: () => ({ maxTries: 2 }), answer }, () => world.events.some((e) => e.kind === end));
    if (told.condition === undefined) expect(reports).toHaveLength(0);
    else {
      await world.until("the report", () => reports.length === 1);
      expect(reports[0]).toMatchObject({ kind: "report", report: told });
    }
    const retries = world.events.filter((e) => e.kind === "retry");
    expect(retries).toHaveLength(answer === "retry" || (typeof answer === "object" && "retryInMs" in answer) ? 1 : 0);
    if (end === "dead-letter" && typeof answer === "object" && "deadLetter" in answer)
      expect(world.peer.queue(`${world.bob.herId}_async`).reasons.at(-1)?.description).toBe("ward closed");
  });
});
