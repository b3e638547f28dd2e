import { constants, createCipheriv, createPrivateKey, publicEncrypt, randomBytes, randomUUID, sign } from "node:crypto";
import rhea from "rhea";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificateNames } from "../src/keys/certificate-names.ts";
import { CONTENT_TYPE, ciphers, explicit, OID, withNull } from "../src/protection/algorithms.ts";
import {
  type Der,
  derBytes,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tlv,
} from "../src/protection/der-writer.ts";
import { signData } from "../src/protection/sign-data.ts";
import type { TestParty } from "./_parties.ts";
import { payloadFrom, startWorld, testFunction, type World } from "./_world.ts";

// Over 400 lines: two tables of hostile messages, read beside what makes them.
// Bodies and headers of those who wish no good, through the whole receiving side: each has one settlement, at most one
// report with a typed error, and the process goes on.

let world: World;
let payload: Buffer;
let signed: Buffer;
const taken: Buffer[] = [];
beforeAll(async () => {
  world = await startWorld();
  payload = payloadFrom(world.alice.herId);
  signed = derBytes(await signData(payload, { signer: world.alice.sign }));
  world.messenger(world.bob).receive(`${world.bob.herId}_async`, (message) => {
    taken.push(Buffer.from(message.payload));
    return Promise.resolve("accept");
  });
});
afterAll(() => world.end());

const oid = objectIdentifier;
const sha256 = withNull("2.16.840.1.101.3.4.2.1");
const contentInfo = (type: Uint8Array, content: Der | Uint8Array): Buffer =>
  derBytes(sequence(type, explicit(0, content)));
/** Lengths that are not said, as a streaming writer has them. */
const open = (tag: number, ...contents: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Uint8Array.of(tag, 0x80), ...contents, Uint8Array.of(0, 0)]);

interface Bend {
  readonly recipients?: (ours: Der) => readonly Der[];
  readonly type?: Uint8Array;
  readonly contentType?: Uint8Array;
  readonly unsaid?: boolean;
}

/** An envelope for Bob around any bytes. */
function envelope(inner: Uint8Array, bend: Bend = {}): Buffer {
  const { certificate } = world.bob.encrypt;
  const key = randomBytes(32);
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-cbc", key, iv);
  const encrypted = Buffer.concat([cipher.update(inner), cipher.final()]);
  const names = certificateNames(certificate);
  const ours = sequence(
    integer(0),
    sequence(names.issuer, names.serialNumber),
    withNull(OID.rsaEncryption),
    octetString(publicEncrypt({ key: certificate.publicKey, padding: constants.RSA_PKCS1_PADDING }, key)),
  );
  const recipients = tlv(0x31, ...(bend.recipients?.(ours) ?? [ours]));
  const algorithm = sequence(oid(ciphers.aes256.oid), octetString(iv));
  const type = bend.contentType ?? CONTENT_TYPE.data;
  if (bend.unsaid === true) {
    const content = open(0x30, type, derBytes(algorithm), open(0xa0, derBytes(octetString(encrypted))));
    const body = open(0x30, derBytes(integer(0)), derBytes(recipients), content);
    return open(0x30, CONTENT_TYPE.envelopedData, open(0xa0, body));
  }
  const body = sequence(integer(0), recipients, sequence(type, algorithm, tlv(0x80, encrypted)));
  return contentInfo(bend.type ?? CONTENT_TYPE.envelopedData, body);
}

/** A signer's entry over the payload. */
function signerOf(party: TestParty, over: Uint8Array = payload): Der {
  const { certificate, key } = party.sign;
  const names = certificateNames(certificate);
  return sequence(
    integer(1),
    sequence(names.issuer, names.serialNumber),
    sha256,
    withNull(OID.rsaEncryption),
    octetString(sign("sha256", over, key as ReturnType<typeof createPrivateKey>)),
  );
}

interface SignedParts {
  readonly type?: Uint8Array;
  readonly content?: Der | null;
  readonly certificates?: readonly Uint8Array[];
  readonly signers?: readonly Der[];
}

function signedData({ type, content, certificates, signers }: SignedParts = {}): Buffer {
  const encapsulated =
    content === null
      ? sequence(type ?? CONTENT_TYPE.data)
      : sequence(type ?? CONTENT_TYPE.data, explicit(0, content ?? octetString(payload)));
  const body = sequence(
    integer(1),
    setOf(sha256),
    encapsulated,
    tlv(0xa0, ...(certificates ?? [world.alice.sign.certificate.raw])),
    setOf(...(signers ?? [signerOf(world.alice)])),
  );
  return contentInfo(CONTENT_TYPE.signedData, body);
}

/** SignedData with lengths that are not said, at every level. */
function unsaidSigned(): Buffer {
  const encapsulated = open(0x30, CONTENT_TYPE.data, open(0xa0, open(0x24, derBytes(octetString(payload)))));
  const parts = [
    derBytes(integer(1)),
    open(0x31, derBytes(sha256)),
    encapsulated,
    open(0xa0, world.alice.sign.certificate.raw),
    open(0x31, derBytes(signerOf(world.alice))),
  ];
  return open(0x30, CONTENT_TYPE.signedData, open(0xa0, open(0x30, ...parts)));
}

/** `taken`, or the code of the error with which it is refused. */
type Verdict = "taken" | `protection/${string}` | `xml/${string}` | `amqp/${string}` | `input/${string}` | "removed";

const cms: readonly [string, () => Buffer, Verdict][] = [
  ["as it should be", () => envelope(signed), "taken"],
  // Levels.
  ["an envelope in an envelope", () => envelope(envelope(signed)), "protection/decryption-failed"],
  [
    "a signature over a signature",
    () => envelope(signedData({ content: octetString(signed), signers: [signerOf(world.alice, signed)] })),
    "xml/encoding",
  ],
  ["signed and not encrypted", () => signed, "protection/not-cms"],
  ["encrypted and not signed", () => envelope(payload), "protection/decryption-failed"],
  ["an envelope of nothing", () => envelope(Buffer.alloc(0)), "protection/decryption-failed"],
  // Types.
  [
    "an envelope that calls itself authenticated",
    () => envelope(signed, { type: oid("1.2.840.113549.1.9.16.1.23") }),
    "protection/not-cms",
  ],
  [
    "an envelope that calls itself compressed",
    () => envelope(signed, { type: oid("1.2.840.113549.1.9.16.1.9") }),
    "protection/not-cms",
  ],
  ["an envelope that calls itself data", () => envelope(signed, { type: CONTENT_TYPE.data }), "protection/not-cms"],
  [
    "an envelope whose content calls itself signed data",
    () => envelope(signed, { contentType: CONTENT_TYPE.signedData }),
    "taken",
  ],
  [
    "a signature over what calls itself an envelope",
    () => envelope(signedData({ type: CONTENT_TYPE.envelopedData })),
    "protection/signature-invalid",
  ],
  // Recipients.
  ["no recipient", () => envelope(signed, { recipients: () => [] }), "protection/decryption-failed"],
  [
    "a recipient of a kind that is not read, before ours",
    () => envelope(signed, { recipients: (ours) => [tlv(0xa3, integer(0)), ours] }),
    "taken",
  ],
  [
    "a recipient of a kind that is not read, alone",
    () => envelope(signed, { recipients: () => [tlv(0xa3, integer(0))] }),
    "protection/decryption-failed",
  ],
  [
    "a recipient that is a number, before ours",
    () => envelope(signed, { recipients: (ours) => [integer(7), ours] }),
    "taken",
  ],
  // Signers.
  ["certificates and no signer", () => envelope(signedData({ signers: [] })), "protection/signature-invalid"],
  ["no certificates and a known signer", () => envelope(signedData({ certificates: [] })), "taken"],
  [
    "two signers, both right",
    () => envelope(signedData({ signers: [signerOf(world.alice), signerOf(world.alice)] })),
    "taken",
  ],
  [
    "two signers, one over another content",
    () => envelope(signedData({ signers: [signerOf(world.alice), signerOf(world.alice, Buffer.from("x"))] })),
    "taken",
  ],
  [
    "two signers, one of them not the sender",
    () =>
      envelope(
        signedData({
          signers: [signerOf(world.alice), signerOf(world.bob)],
          certificates: [world.alice.sign.certificate.raw, world.bob.sign.certificate.raw],
        }),
      ),
    "taken",
  ],
  [
    "another signer under the sender's certificate",
    () => envelope(signedData({ signers: [signerOf(world.bob)] })),
    "protection/signature-invalid",
  ],
  [
    "a certificate that is none",
    () => envelope(signedData({ certificates: [derBytes(sequence(integer(1)))] })),
    "taken",
  ],
  // Content.
  ["a detached signature", () => envelope(signedData({ content: null })), "protection/decryption-failed"],
  ["content that is a number", () => envelope(signedData({ content: integer(5) })), "protection/decryption-failed"],
  [
    "content that is empty",
    () =>
      envelope(
        signedData({ content: octetString(Buffer.alloc(0)), signers: [signerOf(world.alice, Buffer.alloc(0))] }),
      ),
    "xml/not-well-formed",
  ],
  // Lengths.
  ["lengths not said, outside", () => envelope(signed, { unsaid: true }), "taken"],
  ["lengths not said, inside", () => envelope(unsaidSigned()), "taken"],
  ["lengths not said, anywhere", () => envelope(unsaidSigned(), { unsaid: true }), "taken"],
  ["lengths not said, and no end", () => envelope(signed, { unsaid: true }).subarray(0, -2), "protection/not-cms"],
  ["zeros behind the envelope", () => Buffer.concat([envelope(signed), Buffer.alloc(64)]), "taken"],
  [
    "another envelope behind the envelope",
    () => Buffer.concat([envelope(signed), envelope(signed)]),
    "protection/not-cms",
  ],
  ["zeros behind the signature", () => envelope(Buffer.concat([signed, Buffer.alloc(8)])), "taken"],
  [
    "bytes behind the signature",
    () => envelope(Buffer.concat([signed, Buffer.from("more")])),
    "protection/decryption-failed",
  ],
];

const endings: readonly string[] = ["accepted", "refused", "dead-letter", "retry"];

/** What becomes of a message: settled once, and told once where it is refused. */
async function fateOf(
  message: object | Buffer,
): Promise<{ readonly verdict: string; readonly reports: number; readonly left: number }> {
  const { alice, bob, peer, events } = world;
  const inbox = peer.queue(`${bob.herId}_async`);
  const errors = peer.queue(`${alice.herId}_error`);
  const before = { events: events.length, taken: taken.length, reports: errors.messages.length };
  const dead = inbox.dead.length;
  const ends = () => events.slice(before.events).filter((e) => endings.includes(e.kind));
  peer.put(`${bob.herId}_async`, Buffer.isBuffer(message) ? message : rhea.message.encode(message as never));
  // What is no message at all ends at the connection, and no messenger hears of it.
  await world.until("an end", () => ends().length > 0 || inbox.dead.length > dead);
  const isUnreadable = ends().length === 0;
  // The next good one comes through, and all that the first one caused has come before it.
  peer.put(`${bob.herId}_async`, rhea.message.encode(whole({ body: envelope(signed) }) as never));
  const all = isUnreadable ? 1 : 2;
  await world.until("the next one", () => ends().length >= all && ends().at(-1)?.kind === "accepted");
  const [end, ...others] = isUnreadable ? [undefined, ...ends()] : ends();
  expect(others).toMatchObject([{ kind: "accepted" }]);
  expect(taken.length - before.taken).toBe(end?.kind === "accepted" ? 2 : 1);
  return {
    verdict:
      end?.kind === "refused" ? end.error.code : end?.kind === "accepted" ? "taken" : (end?.kind ?? "unreadable"),
    reports: errors.messages.length - before.reports,
    left: inbox.messages.length + inbox.dead.length - dead,
  };
}

function whole({ body, ...more }: { readonly body: unknown } & Record<string, unknown>): object {
  return {
    message_id: randomUUID(),
    subject: testFunction,
    content_type: "application/pkcs7-mime; smime-type=signed-and-enveloped-data",
    application_properties: {
      fromHerId: world.alice.herId,
      toHerId: world.bob.herId,
      applicationTimeStamp: "2025-01-02T03:04:05Z",
    },
    body: Buffer.isBuffer(body) ? rhea.message.data_section(body) : body,
    ...more,
  };
}

describe("hostile CMS, through the whole receiving side", () => {
  it.each(cms)("%s", async (_, body, verdict) => {
    expect(await fateOf(whole({ body: body() }))).toEqual({
      verdict,
      reports: verdict === "taken" ? 0 : 1,
      left: 0,
    });
  });
});

/** Encoded values, past every check of a library that writes them. */
const u32 = (n: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(n);
  return out;
};
const text = (value: string): Buffer =>
  Buffer.concat([Uint8Array.of(0xb1), u32(Buffer.byteLength(value)), Buffer.from(value)]);
const compound = (code: number, items: readonly Uint8Array[]): Buffer => {
  const all = Buffer.concat(items);
  return Buffer.concat([Uint8Array.of(code), u32(all.length + 4), u32(items.length), all]);
};
const list = (...items: readonly Uint8Array[]): Buffer => compound(0xd0, items);
const map = (...items: readonly Uint8Array[]): Buffer => compound(0xd1, items);
const nothing = Buffer.of(0x40);
const nested = map(text("a"), map(text("b"), list(nothing, text("x"), map(text("c"), nothing))));
const section = (code: number, value: Uint8Array): Buffer => Buffer.concat([Uint8Array.of(0x00, 0x53, code), value]);
const dataSection = (value: Uint8Array): Buffer =>
  section(0x75, Buffer.concat([Uint8Array.of(0xb0), u32(value.length), value]));

interface RawParts {
  /** Sections before the properties. */
  readonly before?: readonly Buffer[];
  /** Properties by their place in the list: 0 message id, 4 reply-to, 5 correlation id, 7 encoding, 8 expiry … */
  readonly properties?: Readonly<Record<number, Buffer>>;
  readonly application?: readonly Buffer[];
  readonly body?: Buffer;
  readonly after?: readonly Buffer[];
}

function raw({ before = [], properties = {}, application = [], body, after = [] }: RawParts = {}): Buffer {
  const contentType = Buffer.from("application/pkcs7-mime; smime-type=signed-and-enveloped-data");
  const base: Record<number, Buffer> = {
    0: text(randomUUID()),
    3: text(testFunction),
    6: Buffer.concat([Uint8Array.of(0xa3, contentType.length), contentType]),
    ...properties,
  };
  const size = Math.max(...Object.keys(base).map(Number)) + 1;
  const header = {
    fromHerId: world.alice.herId,
    toHerId: world.bob.herId,
    applicationTimeStamp: "2025-01-02T03:04:05Z",
  };
  return Buffer.concat([
    ...before,
    section(0x73, list(...Array.from({ length: size }, (_, i) => base[i] ?? nothing))),
    section(0x74, map(...Object.entries(header).flat().map(text), ...application)),
    body ?? dataSection(envelope(signed)),
    ...after,
  ]);
}

describe("hostile headers, through the whole receiving side", () => {
  it.each<[string, () => Buffer, Verdict | "unreadable"]>([
    ["as they should be", () => raw(), "taken"],
    ["no message id", () => raw({ properties: { 0: nothing } }), "taken"],
    ["correlation id as a map", () => raw({ properties: { 5: nested } }), "taken"],
    ["reply-to as a list", () => raw({ properties: { 4: list(nested) } }), "taken"],
    ["user and group as maps", () => raw({ properties: { 1: nested, 10: nested } }), "taken"],
    [
      "an expiry that is text, or was",
      () => raw({ properties: { 8: text("soon"), 9: Buffer.alloc(9, 0x83) } }),
      "taken",
    ],
    ["an encoding that is not known", () => raw({ properties: { 7: text("gzip") } }), "taken"],
    ["more properties than there are", () => raw({ properties: { 40: nested } }), "taken"],
    [
      "a header of other types",
      () => raw({ before: [section(0x70, list(text("yes"), nested, text("soon"), nested, text("many")))] }),
      "taken",
    ],
    ["a header that is a map", () => raw({ before: [section(0x70, nested)] }), "taken"],
    ["annotations with nested values", () => raw({ before: [section(0x71, nested), section(0x72, nested)] }), "taken"],
    ["annotations that are a list", () => raw({ before: [section(0x72, list(nothing))] }), "taken"],
    ["a lock without a time", () => raw({ before: [section(0x72, map(text("x-opt-locked-until"), nested))] }), "taken"],
    ["a footer", () => raw({ after: [section(0x78, nested)] }), "taken"],
    ["application properties of nested values", () => raw({ application: [text("X-Nested"), nested] }), "taken"],
    ["a HER-id twice, the second another's", () => raw({ application: [text("toHerId"), text("1")] }), "unreadable"],
    ["an own property twice, the same", () => raw({ application: Array.from("abab", text) }), "unreadable"],
    ["a name that is a map", () => raw({ application: [nested, text("x")] }), "taken"],
    ["data, and a value after it", () => raw({ after: [section(0x77, text("x"))] }), "amqp/header-invalid"],
    ["no body", () => raw({ body: Buffer.alloc(0) }), "protection/not-cms"],
    [
      "a footer before the data",
      () => raw({ body: section(0x78, nested), after: [dataSection(envelope(signed))] }),
      "taken",
    ],
    [
      "an unknown section by a long name",
      () => raw({ after: [Buffer.concat([Uint8Array.of(0x00, 0x80), Buffer.alloc(8, 1), nothing])] }),
      "unreadable",
    ],
  ])("%s", async (_, bytes, verdict) => {
    const isTold = verdict !== "taken" && verdict !== "unreadable";
    expect(await fateOf(bytes())).toEqual({
      verdict,
      reports: isTold ? 1 : 0,
      left: verdict === "unreadable" ? 1 : 0,
    });
  });
});
