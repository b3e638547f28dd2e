import { createHash, randomUUID } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildAppRec, connectAmqp, readAppRec, reply } from "../src/index.ts";
import { protect } from "../src/protection/index.ts";
import { testParty } from "./_parties.ts";
import { patient, payloadFrom, startWorld, type World } from "./_world.ts";

describe("log lines, events and errors", () => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld({ password: "guest" });
  });
  afterEach(() => world.end());

  it("S13: no line at any level holds payload text, keys or passwords, through a whole exchange with every fault", async () => {
    const { alice, bob, lines } = world;
    const secret = `tema-${randomUUID()}`;
    const text = (sender: string) =>
      Buffer.from(payloadFrom(sender).toString().replace("</MsgHead>", `<Tekst>${secret}</Tekst></MsgHead>`));
    const errors: unknown[] = [];
    const failing = async (work: Promise<unknown>) =>
      void errors.push(
        await work.then(
          () => "",
          (e: unknown) => e,
        ),
      );

    let first = true;
    const from = world.messenger(alice);
    const to = world.messenger(bob, { maxTries: 2 });
    to.receive(`${bob.herId}_async`, {
      message: (m) => {
        if (first) {
          first = false;
          return Promise.reject(new Error(`cannot store ${m.payload.toString()}`));
        }
        return Promise.resolve({ refuse: { condition: "transport:unsupported-message" } });
      },
      receipt: (m) => Promise.reject(new Error(`receipt ${JSON.stringify(m.receipt)} ${secret}`)),
    });
    to.serve(`${bob.herId}_sync`, () => Promise.resolve(reply(text(bob.herId))));
    to.receiveErrors(`${bob.herId}_error`, () => Promise.reject(new Error(secret)));
    from.receiveErrors(`${alice.herId}_error`, () => Promise.resolve());

    // A message that fails, comes again and is refused; one of another sender; one that is no XML; one that is plain.
    await from.protectAndSend(world.outbound({ payload: text(alice.herId) }));
    for (const payload of [text("777"), Buffer.from(secret), Buffer.from(`<a>${secret}</b>`)])
      await from.protectAndSend(world.outbound({ payload }));
    await from.protectAndSend(world.outbound({ payload: text(alice.herId), protection: "plain" }));
    await from.protectAndSend(
      world.outbound({ payload: Buffer.from(`<!DOCTYPE a [<!ENTITY e "${secret}">]><a>&e;</a>`) }),
    );
    // Forged, undecryptable, not CMS.
    const other = await testParty("1");
    const sign = { signer: other.sign, recipients: [bob.encrypt.certificate] };
    const lost = { signer: alice.sign, recipients: [other.encrypt.certificate] };
    for (const body of [await protect(text(alice.herId), sign), await protect(text(alice.herId), lost), text("1")])
      await world.connection.send(`${bob.herId}_async`, world.wire(body));
    // Properties that hold what they should not.
    await world.connection.send(
      `${bob.herId}_async`,
      world.wire(Buffer.from(secret), {
        applicationProperties: { fromHerId: secret, toHerId: secret, applicationTimeStamp: secret },
      }),
    );
    await world.connection.send(
      `${bob.herId}_error`,
      world.wire(Buffer.from(secret), {
        applicationProperties: { errorCondition: secret, errorDescription: secret, originalMessageId: "o" },
      }),
    );
    // A receipt whose handler fails, a call, and calls and sends that fail.
    const her = { $V: "HER", $DN: "HER-id" };
    const side = (id: string) => ({ Organisation: { OrganisationName: secret, Ident: [{ Id: id, TypeId: her }] } });
    const original = {
      MsgInfo: {
        Type: { $V: "DIALOG_INNBYGGER_EKONTAKT" },
        GenDate: "2025-01-02T03:04:05Z",
        MsgId: randomUUID(),
        Sender: side(bob.herId),
        Receiver: side(alice.herId),
      },
    };
    const rejected = { status: "rejected", errors: [{ code: "X99", detail: secret }] } as const;
    const receipt = buildAppRec(original as never, rejected, { id: randomUUID(), genDate: "2025-01-02T03:04:05Z" });
    await from.protectAndSend(world.outbound({ payload: receipt.bytes, function: "APPREC" }));
    const answer = await from.request(world.outbound({ payload: text(alice.herId) }));
    expect(answer.payload.toString()).toContain(secret);
    await failing(from.request(world.outbound({ payload: text(alice.herId), toHerId: "9" })));
    await failing(world.messenger(other).protectAndSend(world.outbound({ payload: text("1"), ttlMs: -1 })));
    await failing(
      connectAmqp({ ...world.settings, username: "guest", password: `pw-${secret}`, connectTimeoutMs: 200 }),
    );
    await failing(Promise.resolve().then(() => readAppRec(Buffer.from(`<AppRec><Id>${secret}</Id></AppRec>`))));
    world.cut();
    const ends = () => world.events.filter((e) => ["refused", "dead-letter"].includes(e.kind)).length;
    await world.until("every end", () => ends() >= 12 && world.connection.state === "open");

    expect(lines.length).toBeGreaterThan(10);
    const everything = [
      lines.join("\n"),
      JSON.stringify(world.events),
      inspect(world.events, { depth: 20 }),
      JSON.stringify(errors),
      inspect(errors, { depth: 20 }),
    ].join("\n");
    expect(errors).toHaveLength(4);
    for (const leak of [secret, patient, "MsgHead>", "BEGIN ", "guest"]) expect(everything).not.toContain(leak);
    for (const { sign: signing, encrypt } of [alice, bob])
      for (const identity of [signing, encrypt]) {
        const { d = "", p = "" } = (identity.key as KeyObject).export({ format: "jwk" });
        expect(d.length).toBeGreaterThan(100);
        for (const part of [d, p]) {
          expect(everything).not.toContain(part.slice(0, 24));
          expect(everything).not.toContain(Buffer.from(part, "base64url").toString("hex").slice(0, 24));
        }
      }
  });

  it("a body that cannot be opened is logged with its size and digest, to be compared with what was sent", async () => {
    const { alice, bob, lines } = world;
    world.messenger(bob).receive(`${bob.herId}_async`, { message: () => Promise.resolve("accept" as const) });
    const body = await protect(payloadFrom(alice.herId), {
      signer: alice.sign,
      recipients: [bob.encrypt.certificate],
    });
    body.fill(0, body.length - 64);
    await world.connection.send(`${bob.herId}_async`, world.wire(body));
    await world.until("the refusal", () => world.events.some((e) => e.kind === "refused"));
    const [line = ""] = lines.filter((l) => l.startsWith("a message could not be opened "));
    expect(JSON.parse(line.slice("a message could not be opened ".length))).toMatchObject({
      bytes: body.length,
      sha256: createHash("sha256").update(body).digest("hex"),
      stage: expect.stringMatching(/content|structure/) as string,
      recipients: 1,
      tried: 1,
    });
  });
});
