import { constants, createCipheriv, publicEncrypt, randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { silentTelemetry, type Telemetry } from "@helsekontakt/core";
import { SignedXml } from "xml-crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type AmqpConnection,
  connectAmqp,
  contentTypes,
  createMessenger,
  type ErrorQueueMessage,
  type InboundMessage,
  type MessengerEvent,
  type MessengerOptions,
  type Party,
} from "../src/index.ts";
import { certificateNames } from "../src/keys/certificate-names.ts";
import { CONTENT_TYPE, ciphers, explicit, OID, withNull } from "../src/protection/algorithms.ts";
import {
  derBytes,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tlv,
} from "../src/protection/der-writer.ts";
import {
  createIdentity,
  createRevocation,
  type Identity,
  type OwnKeys,
  protect,
  reloadKeys,
  type RevocationMode,
} from "../src/protection/index.ts";
import { signData } from "../src/protection/sign-data.ts";
import { makeIdentity, type TestIdentity } from "../src/protection/_test-certificates.ts";
import { makeList, startSource, type TestSource } from "../src/revocation/_test-authority.ts";
import { dummy, registryOf, type TestParty } from "./_parties.ts";
import { type Peer, startPeer, settingsFor } from "./_peer.ts";

// One file: all cases share a broker, an authority with its list, and two parties below it.

const fn = "DIALOG_INNBYGGER_TEST";
const day = 86_400_000;
const ns = "http://www.kith.no/xmlstds/msghead/2006-05-24";
const payloadOf = (sender: string, inner = "") =>
  Buffer.from(
    `<MsgHead xmlns="${ns}"><MsgInfo><Type V="${fn}"/><MsgId>m-1</MsgId><Sender><Organisation><Organisation><Ident>` +
      `<Id>${sender}</Id><TypeId V="HER"/></Ident></Organisation></Organisation></Sender></MsgInfo>${inner}</MsgHead>`,
  );

let peer: Peer;
let source: TestSource;
let authority: TestIdentity;
let alice: TestParty;
let bob: TestParty;
let nextKey: Identity;
let connection: AmqpConnection;
let n = 500;

beforeAll(async () => {
  [peer, source] = await Promise.all([startPeer(), startSource()]);
  authority = await makeIdentity("Authority", { usage: ["keyCertSign", "cRLSign"], authority: true });
  const make = (usage: "nonRepudiation" | "keyEncipherment") =>
    makeIdentity("Party", { usage: [usage], issuer: authority, revocationLists: [`${source.url}/crl`] });
  const [aliceSign, aliceEncrypt, bobSign, bobEncrypt, bobNext] = await Promise.all([
    make("nonRepudiation"),
    make("keyEncipherment"),
    make("nonRepudiation"),
    make("keyEncipherment"),
    make("keyEncipherment"),
  ]);
  alice = { herId: "1", sign: aliceSign, encrypt: aliceEncrypt };
  bob = { herId: "2", sign: bobSign, encrypt: bobEncrypt };
  nextKey = bobNext;
});
afterAll(() => Promise.all([peer.close(), source.close()]));
beforeEach(async () => {
  // Fresh HER-ids, so that each test has fresh queues.
  alice = { ...alice, herId: String(n++) };
  bob = { ...bob, herId: String(n++) };
  for (const { herId } of [alice, bob]) for (const kind of ["async", "error"]) peer.declare(`${herId}_${kind}`);
  serveList();
  source.requests.length = 0;
  connection = await connectAmqp(settingsFor(peer));
});
afterEach(() => connection.close({ drainMs: 500 }));

const serveList = (revoked: readonly Identity[] = []) =>
  source.served.set(
    "/crl",
    makeList(authority, {
      thisUpdate: Date.now() - day,
      nextUpdate: Date.now() + day,
      revoked: revoked.map((r) => r.certificate),
    }),
  );
const messenger = (who: TestParty, options: Partial<MessengerOptions> = {}) =>
  createMessenger({
    connection,
    registry: registryOf([dummy(alice), dummy(bob)]),
    queues: { async: `${who.herId}_async`, error: `${who.herId}_error` },
    signer: who.sign,
    decryptKeys: [who.encrypt],
    retryPauseMs: { initial: 10, max: 20 },
    telemetry: false,
    ...options,
  });
const outbound = (o: object = {}) => ({
  messageId: randomUUID(),
  function: fn,
  fromHerId: alice.herId,
  toHerId: bob.herId,
  payload: payloadOf(alice.herId),
  ...o,
});
const bobReceives = (options: Partial<MessengerOptions> = {}) => {
  const messages: InboundMessage[] = [];
  const reports: ErrorQueueMessage[] = [];
  messenger(bob, options).receive(`${bob.herId}_async`, (m) => {
    messages.push(m);
    return Promise.resolve("accept");
  });
  messenger(alice).receiveErrors(`${alice.herId}_error`, (m) => {
    reports.push(m);
    return Promise.resolve();
  });
  return { messages, reports };
};
const put = (body: Uint8Array) =>
  connection.send(`${bob.herId}_async`, {
    messageId: randomUUID(),
    to: `${bob.herId}_async`,
    subject: fn,
    contentType: contentTypes.signedAndEnveloped.value,
    applicationProperties: { fromHerId: alice.herId, toHerId: bob.herId, applicationTimeStamp: "2025-01-02T03:04:05Z" },
    body,
  });
const told = (reports: readonly ErrorQueueMessage[]) =>
  reports.map((r) =>
    r.kind === "report" ? { c: r.report.condition, d: r.report.description, x: r.report.data } : { c: r.kind },
  );
const trust = (mode?: RevocationMode) => ({
  anchors: [authority.certificate],
  ...(mode === undefined ? {} : { revocation: createRevocation({ mode, timeoutMs: 500 }) }),
});

describe("trust in partners", () => {
  it("S4: a self-signed certificate with right usage and dates: nothing is sent to it, and nothing taken from it", async () => {
    const dates = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + day) };
    const [sign, encrypt] = await Promise.all([
      createIdentity({ subject: { commonName: "Self" }, usage: ["nonRepudiation"], ...dates }),
      createIdentity({ subject: { commonName: "Self" }, usage: ["keyEncipherment"], ...dates }),
    ]);
    const self = { herId: alice.herId, sign, encrypt };
    const registry = registryOf([dummy(self), dummy(bob)]);
    const { messages, reports } = bobReceives({ registry, trust: trust() });
    await messenger(self, { registry }).protectAndSend(outbound());
    await expect.poll(() => reports.length, { timeout: 5_000 }).toBe(1);
    expect(told(reports)[0]?.c).toBe("transport:unverified-certificate");
    expect(messages).toHaveLength(0);
    const back = outbound({ fromHerId: bob.herId, toHerId: self.herId });
    await expect(messenger(bob, { registry, recipientTrust: trust() }).protectAndSend(back)).rejects.toMatchObject({
      code: "protection/certificate-invalid",
      context: { reason: "untrusted" },
    });
    expect(peer.queue(`${self.herId}_async`).messages).toHaveLength(0);
  });

  it("S10: a thousand sends cause one fetch of the list, and go on when its server is down", async () => {
    const sender = messenger(alice, { recipientTrust: trust("require") });
    for (let batch = 0; batch < 10; batch++) {
      await Promise.all(Array.from({ length: 100 }, () => sender.protectAndSend(outbound())));
      // From the second hundred on there is nobody to ask.
      source.served.set("/crl", 503);
    }
    expect(source.requests).toHaveLength(1);
    expect(peer.queue(`${bob.herId}_async`).messages).toHaveLength(1_000);
  });

  it("refuses a revoked certificate: to a receiver nothing goes out, a sender is told", async () => {
    serveList([bob.encrypt, alice.sign]);
    await expect(
      messenger(alice, { recipientTrust: trust("prefer") }).protectAndSend(outbound()),
    ).rejects.toMatchObject({ code: "protection/certificate-invalid", context: { reason: "revoked" } });
    const { messages, reports } = bobReceives({ trust: trust("prefer") });
    await messenger(alice).protectAndSend(outbound());
    await expect.poll(() => reports.length, { timeout: 5_000 }).toBe(1);
    expect(told(reports)[0]?.c).toBe("transport:revoked-certificate");
    expect(messages).toHaveLength(0);
  });

  it("S11: the list's server is dead: require holds the message until it is back, prefer and off take it", async () => {
    source.served.set("/crl", 503);
    for (const mode of ["prefer", "off"] as const) {
      const { messages, reports } = bobReceives({ trust: trust(mode) });
      await messenger(alice).protectAndSend(outbound());
      await expect.poll(() => messages.length, { timeout: 5_000 }).toBe(1);
      expect(reports).toHaveLength(0);
      await connection.close({ drainMs: 500 });
      connection = await connectAmqp({ ...settings(), port: peer.port });
    }
    const revocation = createRevocation({ mode: "require", timeoutMs: 500, retryMs: 20 });
    const { messages, reports } = bobReceives({ trust: { ...trust(), revocation }, maxTries: 2 });
    await messenger(alice).protectAndSend(outbound());
    source.requests.length = 0;
    await expect.poll(() => source.requests.length, { timeout: 5_000 }).toBeGreaterThan(3);
    expect(messages).toHaveLength(0);
    expect(reports).toHaveLength(0);
    serveList();
    await expect.poll(() => messages.length, { timeout: 10_000 }).toBe(1);
  });
});

const settings = () => ({
  ...settingsFor(peer),
});

describe("failures to open", () => {
  it("S5: reports for wrong key, bad padding and bad structure are identical", async () => {
    const { reports, messages } = bobReceives();
    const signed = derBytes(await signData(payloadOf(alice.herId), { signer: alice.sign }));
    /** An envelope for Bob around `inner`, whose content key can be hidden wrongly. */
    const envelope = (inner: Uint8Array, hide?: (wrapped: Buffer) => Buffer): Buffer => {
      const key = randomBytes(32);
      const iv = randomBytes(16);
      const cipher = createCipheriv("aes-256-cbc", key, iv);
      const { issuer, serialNumber } = certificateNames(bob.encrypt.certificate);
      const rsa = { key: bob.encrypt.certificate.publicKey, padding: constants.RSA_PKCS1_PADDING };
      const wrapped = publicEncrypt(rsa, key);
      const recipient = sequence(
        integer(0),
        sequence(issuer, serialNumber),
        withNull(OID.rsaEncryption),
        octetString(hide === undefined ? wrapped : hide(wrapped)),
      );
      const content = sequence(
        CONTENT_TYPE.data,
        sequence(objectIdentifier(ciphers.aes256.oid), octetString(iv)),
        tlv(0x80, cipher.update(inner), cipher.final()),
      );
      const body = sequence(integer(0), setOf(recipient), content);
      return derBytes(sequence(CONTENT_TYPE.envelopedData, explicit(0, body)));
    };
    const badContentPadding = envelope(signed);
    badContentPadding[badContentPadding.length - 1] = (badContentPadding.at(-1) as number) ^ 1;
    const bodies = [
      // Wrong key: for somebody else, and under a key that is not the one inside.
      await protect(payloadOf(alice.herId), { signer: alice.sign, recipients: nextKey.certificate }),
      envelope(signed, () =>
        publicEncrypt(
          { key: bob.encrypt.certificate.publicKey, padding: constants.RSA_PKCS1_PADDING },
          randomBytes(32),
        ),
      ),
      // Bad padding: of the key, and of the content.
      envelope(signed, () => randomBytes(256)),
      badContentPadding,
      // Bad structure: no CMS inside, one cut off, another kind.
      envelope(payloadOf(alice.herId)),
      envelope(signed.subarray(0, -7)),
      envelope(badContentPadding),
    ];
    for (const body of bodies) await put(body);
    await expect.poll(() => reports.length, { timeout: 5_000 }).toBe(bodies.length);
    expect(new Set(told(reports).map((t) => JSON.stringify(t))).size).toBe(1);
    expect(told(reports)[0]?.c).toBe("transport:decryption-failed");
    expect(messages).toHaveLength(0);
  });
});

describe("algorithms", () => {
  it("S6: triple DES is refused by default; by policy it is taken, and counted for each partner", async () => {
    const events: MessengerEvent[] = [];
    const counted: (readonly [string, number, object | undefined])[] = [];
    const telemetry: Telemetry = {
      ...silentTelemetry,
      count: (metric, value, attributes) => void counted.push([metric.name, value, attributes]),
    };
    const body = () =>
      protect(payloadOf(alice.herId), {
        signer: alice.sign,
        recipients: bob.encrypt.certificate,
        contentEncryption: "3des",
      });
    const strict = bobReceives();
    await put(await body());
    await expect.poll(() => strict.reports.length, { timeout: 5_000 }).toBe(1);
    expect(strict.messages).toHaveLength(0);
    await connection.close({ drainMs: 500 });
    connection = await connectAmqp({ ...settings(), port: peer.port });
    const policy = { contentEncryption: ["aes256", "aes192", "aes128", "3des"] } as const;
    const open = bobReceives({ policy, telemetry, onEvent: (e) => events.push(e) });
    await put(await body());
    await messenger(alice).protectAndSend(outbound());
    await expect.poll(() => open.messages.length, { timeout: 5_000 }).toBe(2);
    expect(events.filter((e) => e.kind === "weak-algorithm")).toEqual([
      { kind: "weak-algorithm", fromHerId: alice.herId, algorithm: "3des" },
    ]);
    expect(counted.filter(([name]) => name.endsWith("weak_algorithms"))).toEqual([
      ["helsekontakt.messaging.weak_algorithms", 1, { "helsekontakt.algorithm": "3des" }],
    ]);
  });
});

describe("own keys", () => {
  it("S15: receives without a signing key, and the decryption key is swapped while messages come", async () => {
    let present: OwnKeys = { decryption: [bob.encrypt as Identity] };
    let readings = 0;
    const keys = reloadKeys(
      () => {
        readings++;
        return present;
      },
      { everyMs: 1 },
    );
    const { messages, reports } = bobReceives({ keys });
    const profile = { bob: dummy(bob) };
    const registry = { ...registryOf([]), resolve: () => Promise.resolve(profile.bob as Party) };
    const sender = messenger(alice, { registry });
    const total = 60;
    for (let i = 0; i < total; i++) {
      if (i === 20) {
        // The new key is in place before the registry names it; the previous one stays for what is on its way.
        present = { decryption: [nextKey, bob.encrypt] };
        const before = readings;
        await sleep(5);
        await keys();
        await expect.poll(() => readings).toBeGreaterThan(before);
      }
      if (i === 40) profile.bob = { ...dummy(bob), encryptionCertificate: nextKey.certificate };
      await sender.protectAndSend(outbound());
    }
    await expect.poll(() => messages.length, { timeout: 10_000 }).toBe(total);
    expect(reports).toHaveLength(0);
    await expect(
      messenger(bob, { keys }).protectAndSend(outbound({ fromHerId: bob.herId, toHerId: alice.herId })),
    ).rejects.toMatchObject({ code: "config/missing" });
  });
});

describe("payloads", () => {
  it("S16: bytes are equal end to end, and a signed e-prescription still verifies", async () => {
    const { key, certificate } = alice.sign as TestIdentity;
    const privateKey = key.export({ format: "pem", type: "pkcs8" });
    // Indentation, empty elements and attributes in an order of their own: what a serialiser would tidy.
    const prescription =
      `<Document><RefDoc><Content><m1:Resept xmlns:m1="urn:example:eresept:m1"   forskrivningsdato='2026-06-01' >\r\n` +
      `\t\t<m1:ReseptId>e-1</m1:ReseptId ><m1:Merknad></m1:Merknad>\n  <m1:Tekst> a &#xE6; b </m1:Tekst>\n</m1:Resept></Content></RefDoc></Document>`;
    const signing = new SignedXml({
      privateKey,
      signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
      canonicalizationAlgorithm: "http://www.w3.org/2001/10/xml-exc-c14n#",
    });
    signing.addReference({
      xpath: "//*[local-name(.)='Resept']",
      digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
      transforms: ["http://www.w3.org/2001/10/xml-exc-c14n#"],
    });
    signing.computeSignature(payloadOf(alice.herId, prescription).toString());
    const payload = Buffer.from(
      `<?xml version='1.0'  encoding="UTF-8"?>\r\n\n${signing.getSignedXml()}\n<!-- end -->\n`,
    );
    const { messages } = bobReceives();
    await messenger(alice).protectAndSend(outbound({ payload }));
    await expect.poll(() => messages.length, { timeout: 5_000 }).toBe(1);
    const received = Buffer.from(messages[0]?.payload ?? []);
    expect(received.equals(payload)).toBe(true);
    const verifies = (xml: string): boolean => {
      const verification = new SignedXml({ publicCert: certificate.toString() });
      verification.loadSignature(/<Signature .*<\/Signature>/su.exec(xml)?.[0] ?? "");
      try {
        return verification.checkSignature(xml);
      } catch {
        return false;
      }
    };
    expect(verifies(received.toString())).toBe(true);
    // The check can fail: white space put in order is another document.
    expect(verifies(received.toString().replace("\t\t", "  "))).toBe(false);
  });
});
