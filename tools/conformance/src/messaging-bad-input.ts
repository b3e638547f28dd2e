/**
 * Messages as others made them, and as nobody should make them, through the whole receiving side: connection, envelope,
 * registry, protection, payload, handler, report, settlement. Each published vector gets its verdict or a stricter one
 * whose reason is said; every message is settled once, reported at most once, never redelivered, and the next good one
 * comes through.
 *
 * Over 400 lines: most of it is the table of hostile messages, which is read beside what takes them.
 */
import { createHash, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  connectAmqp,
  contentTypes,
  createMessenger,
  type ErrorQueueMessage,
  type InboundMessage,
  type MessengerEvent,
  type MessengerOptions,
  type Party,
  reply,
} from "@helsekontakt/amqp-messaging";
import { decodeWireMessage } from "@helsekontakt/amqp-messaging/protocol";
import { type Identity, loadIdentity } from "@helsekontakt/amqp-messaging/protection";
import { HelsekontaktError } from "@helsekontakt/core";
import rhea from "rhea";
import { type RawPeer, startRawPeer } from "./_raw-peer.ts";
import { createRandom } from "./_schema-instances.ts";
import { createTally, upstreamFolder } from "./_tally.ts";

const tally = createTally();
const folder = join(upstreamFolder(), "messaging");
const read = (...path: string[]): Buffer => readFileSync(join(folder, ...path));
const parsed = <T>(...path: string[]): T => JSON.parse(read(...path).toString()) as T;
const alice = "93252";
const bob = "93238";
const fn = "DIALOG_INNBYGGER_TEST";
const counts = { vectors: 0, stricter: 0, hostile: 0, damaged: 0 };

const identity = (name: string): Identity =>
  loadIdentity({ certificate: read("certs", `${name}.crt.pem`), key: read("certs", `${name}.key.pem`) });
const certificate = (name: string): X509Certificate => new X509Certificate(read("certs", `${name}.crt.pem`));
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const bobKeys = { present: identity("bob-enc"), previous: identity("bob-enc-old") };
const party = (herId: string, sign: string, encrypt: string): Party => ({
  kind: "dummy",
  herId,
  name: `Party ${herId}`,
  queues: { async: `${herId}_async`, sync: `${herId}_sync`, error: `${herId}_error` },
  signatureCertificate: certificate(sign),
  encryptionCertificate: certificate(encrypt),
});
const parties = [party(alice, "alice-sign", "alice-enc"), party(bob, "bob-sign", "bob-enc")];

/** What became of one message. */
interface Fate {
  /** What reached the application, on whatever queue. */
  readonly handled: readonly InboundMessage[];
  readonly errors: readonly ErrorQueueMessage[];
  /** What went out: reports and answers. */
  readonly out: readonly { readonly queue: string; readonly condition: string | undefined }[];
  readonly settlements: readonly string[];
  readonly events: readonly MessengerEvent[];
}

/** A receiving side of its own settings, on one raw peer. */
async function receiver(peer: RawPeer, options: Partial<MessengerOptions> = {}) {
  const connection = await connectAmqp({
    host: "127.0.0.1",
    port: peer.port,
    transport: "tcp",
    username: "guest",
    password: "guest",
    namespace: "NHNTESTServiceBus",
    maxMessageBytes: 1024 * 1024,
  });
  const events: MessengerEvent[] = [];
  const handled: InboundMessage[] = [];
  const errors: ErrorQueueMessage[] = [];
  const messenger = createMessenger({
    connection,
    registry: {
      resolve: ({ herId }) => {
        const found = parties.find((p) => p.herId === herId);
        return found === undefined
          ? Promise.reject(new HelsekontaktError("registry/party-unknown", "expected a party of the vectors"))
          : Promise.resolve(found);
      },
      invalidate() {},
    },
    queues: { async: `${bob}_async`, sync: `${bob}_sync`, error: `${bob}_error` },
    signer: identity("bob-sign"),
    decryptKeys: [bobKeys.present, bobKeys.previous],
    // The payload of the vectors is of other parties than the headers; what header and payload must share has its own rows.
    senderMismatch: "ignore",
    maxBodyBytes: 256 * 1024,
    retryPauseMs: { initial: 1, max: 2 },
    telemetry: false,
    onEvent: (event) => events.push(event),
    ...options,
  });
  const keep = (message: InboundMessage): void => void handled.push(message);
  messenger.receive(`${bob}_async`, (m) => {
    keep(m);
    return Promise.resolve("accept");
  });
  messenger.serve(`${bob}_sync`, (m) => {
    keep(m);
    return Promise.resolve(reply(Buffer.from("<answer/>")));
  });
  messenger.receiveErrors(`${bob}_error`, (m) => Promise.resolve(void errors.push(m)));
  return {
    /** Offers one message and waits until it is settled, and a moment longer for what must not come. */
    async take(bytes: Buffer, queue = `${bob}_async`): Promise<Fate> {
      const before = { settled: peer.settled.length, sent: peer.sent.length };
      events.length = 0;
      handled.length = 0;
      errors.length = 0;
      peer.offer(queue, bytes);
      for (let i = 0; i < 5_000 && peer.settled.length === before.settled; i++)
        await new Promise((resolve) => setTimeout(resolve, 1));
      await new Promise((resolve) => setTimeout(resolve, 2));
      return {
        handled: [...handled],
        errors: [...errors],
        out: peer.sent.slice(before.sent).map(({ queue: to, bytes: b }) => {
          const condition = decodeWireMessage(b).applicationProperties.get("errorCondition");
          return { queue: to, condition: typeof condition === "string" ? condition : undefined };
        }),
        settlements: peer.settled.slice(before.settled),
        events: [...events],
      };
    },
    close: () => connection.close({ drainMs: 100 }),
  };
}

type Receiver = Awaited<ReturnType<typeof receiver>>;

const good = { fromHerId: alice, toHerId: bob, applicationTimeStamp: "2025-01-02T03:04:05Z" };
const wrapped = (body: Buffer, change: object = {}): Buffer =>
  rhea.message.encode({
    message_id: `m-${sha256(body).slice(0, 12)}`,
    to: `${bob}_async`,
    subject: fn,
    content_type: contentTypes.signedAndEnveloped.value,
    application_properties: good,
    body: rhea.message.data_section(body),
    ...change,
  } as never);

/** What a verdict of the vectors is on the error queue: the decryption oracle is closed, so all of them are one. */
const conditions: Readonly<Record<string, string>> = {
  "signature-invalid": "transport:decryption-failed",
  "signer-mismatch": "transport:decryption-failed",
  "not-a-recipient": "transport:decryption-failed",
};

/** One settlement, at most one report, nothing handed out again: whatever the message was. */
function once(id: string, fate: Fate): void {
  tally.check(fate.settlements.length === 1, `${id}: settled ${fate.settlements.join(", ") || "never"}`);
  tally.check(!fate.settlements.includes("released"), `${id}: comes again`);
  tally.check(!fate.settlements.includes("modified"), `${id}: modified, which ends the session at the broker`);
  tally.check(fate.out.filter((o) => o.condition !== undefined).length <= 1, `${id}: reported more than once`);
}

function refusedAs(id: string, fate: Fate, condition: string): void {
  once(id, fate);
  tally.check(fate.handled.length === 0, `${id}: reached the handler`);
  tally.check(fate.settlements[0] === "accepted", `${id}: ${fate.settlements.join()} instead of taken off the queue`);
  const told = fate.out.map((o) => `${o.queue} ${o.condition}`).join();
  tally.check(told === `${alice}_error ${condition}`, `${id}: told ${told || "nobody"}, expected ${condition}`);
  const refused = fate.events.filter((e) => e.kind === "refused");
  tally.check(refused.length === 1 && refused[0]?.error.name !== undefined, `${id}: no typed error`);
}

interface CmsVector {
  readonly id: string;
  readonly file: string;
  readonly expect:
    | { readonly result: "ok"; readonly plaintextSha256: string }
    | { readonly result: "error"; readonly kind: string };
}

async function cmsVectors(strict: Receiver, lenient: Receiver): Promise<void> {
  for (const { id, file, expect } of parsed<CmsVector[]>("cms", "vectors.json")) {
    counts.vectors++;
    const message = wrapped(read("cms", file));
    if (expect.result === "error") {
      const condition = conditions[expect.kind];
      tally.check(condition !== undefined, `${id}: a verdict that this run does not know: ${expect.kind}`);
      for (const side of [strict, lenient]) refusedAs(id, await side.take(message), condition ?? "");
      continue;
    }
    const fate = await lenient.take(message);
    once(id, fate);
    const [opened] = fate.handled;
    tally.check(sha256(opened?.payload ?? Buffer.alloc(0)) === expect.plaintextSha256, `${id}: payload`);
    tally.check(opened?.signer?.raw.equals(certificate("alice-sign").raw) === true, `${id}: signer`);
    tally.check(fate.out.length === 0, `${id}: something was sent`);
    const byDefault = await strict.take(message);
    if (!id.includes("3des")) {
      tally.check(byDefault.handled.length === 1, `${id}: default settings`);
      continue;
    }
    // Stricter: triple DES is a matter of policy, and off unless asked for.
    counts.stricter++;
    refusedAs(`${id} by default`, byDefault, "transport:decryption-failed");
  }
}

interface AmqpVector {
  readonly id: string;
  readonly file: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly applicationProperties: Readonly<Record<string, string>>;
}

async function amqpVectors(side: Receiver): Promise<void> {
  const baseline = parsed<CmsVector[]>("cms", "vectors.json")[0];
  const plaintext = baseline?.expect.result === "ok" ? baseline.expect.plaintextSha256 : "";
  for (const { id, file, properties, applicationProperties: application } of parsed<AmqpVector[]>(
    "amqp",
    "expected.json",
  )) {
    counts.vectors++;
    const bytes = read("amqp", file);
    if (application["errorCondition"] !== undefined) {
      const fate = await side.take(bytes, `${bob}_error`);
      once(id, fate);
      const [first] = fate.errors;
      const report = first?.kind === "report" ? first.report : undefined;
      tally.check(report?.condition === application["errorCondition"], `${id}: condition`);
      tally.check(report?.originalMessageId === application["originalMessageId"], `${id}: original message id`);
      tally.check(report?.receivedAt?.toISOString() === "2025-01-02T03:04:09.000Z", `${id}: time without zone`);
      tally.check(fate.out.length === 0, `${id}: an error queue was answered`);
      const strayed = await side.take(bytes);
      once(`${id} on a queue for messages`, strayed);
      tally.check(
        strayed.out.length === 0 && strayed.handled.length === 0,
        `${id}: a report that strayed was answered`,
      );
      continue;
    }
    const sync = properties["to"] === `${bob}_sync`;
    const fate = await side.take(bytes, sync ? `${bob}_sync` : `${bob}_async`);
    once(id, fate);
    const [message] = fate.handled;
    tally.check(sha256(message?.payload ?? Buffer.alloc(0)) === plaintext, `${id}: payload`);
    tally.check(message?.messageId === properties["message-id"], `${id}: message id`);
    tally.check(message?.function === properties["subject"], `${id}: function`);
    const answers = fate.out.map((o) => o.queue).join();
    tally.check(answers === (sync ? properties["reply-to"] : ""), `${id}: answered to ${answers}`);
    const onErrors = await side.take(bytes, `${bob}_error`);
    once(`${id} on an error queue`, onErrors);
    tally.check(
      onErrors.errors[0]?.kind === "unknown" && onErrors.out.length === 0,
      `${id}: answered from an error queue`,
    );
  }
}

async function plainVectors(strict: Receiver, plain: Receiver): Promise<void> {
  const type = { content_type: "text/plain" };
  for (const file of readdirSync(join(folder, "plain"))) {
    counts.vectors++;
    const bytes = read("plain", file);
    // Stricter: a message without protection is refused unless a setting lets the function through.
    counts.stricter++;
    refusedAs(`${file} by default`, await strict.take(wrapped(bytes, type)), "transport:unsupported-message");
    const fate = await plain.take(wrapped(bytes, type));
    once(file, fate);
    tally.check(fate.handled[0] !== undefined && sha256(fate.handled[0].payload) === sha256(bytes), `${file}: payload`);
  }
  interface Metadata {
    readonly file: string;
    readonly properties: Readonly<Record<string, string>>;
  }
  for (const { file, properties } of parsed<Metadata[]>("metadata", "expected.json")) {
    counts.vectors++;
    const fate = await plain.take(wrapped(read("metadata", file), type));
    const found = fate.handled[0]?.metadata ?? {};
    for (const name of new Set([...Object.keys(found), ...Object.keys(properties)]))
      tally.check(found[name] === properties[name], `${file} ${name}: ${found[name]} for ${properties[name]}`);
  }
}

const section = (code: number, value: Buffer): Buffer => Buffer.concat([Buffer.from([0x00, 0x53, code]), value]);
const u32 = (n: number): Buffer => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(n);
  return out;
};
/** A list32 of encoded items. */
const list = (...items: Buffer[]): Buffer => {
  const body = Buffer.concat(items);
  return Buffer.concat([Buffer.from([0xd0]), u32(body.length + 4), u32(items.length), body]);
};
const nothing = Buffer.from([0x40]);
const text = (value: string): Buffer =>
  Buffer.concat([Buffer.from([0xb1]), u32(Buffer.byteLength(value)), Buffer.from(value)]);
const symbol = (value: string): Buffer => Buffer.concat([Buffer.from([0xa3, value.length]), Buffer.from(value)]);
const map = (entries: Readonly<Record<string, Buffer>>): Buffer => {
  const body = Buffer.concat(Object.entries(entries).flatMap(([name, value]) => [text(name), value]));
  return Buffer.concat([Buffer.from([0xd1]), u32(body.length + 4), u32(Object.keys(entries).length * 2), body]);
};
const data = (body: Buffer): Buffer => section(0x75, Buffer.concat([Buffer.from([0xb0]), u32(body.length), body]));

/** Each with an id of its own: what was reported once under an id is not reported again. */
let messageNumber = 0;

/** Message bytes with the property list and application properties given as encoded values. */
function made(o: { properties?: Readonly<Record<number, Buffer>>; application?: Buffer; tail?: Buffer } = {}): Buffer {
  const base = [
    text(`m-hostile-${messageNumber++}`),
    nothing,
    text(`${bob}_async`),
    text(fn),
    nothing,
    nothing,
    symbol("text/plain"),
  ];
  const all = base.map((value, i) => o.properties?.[i] ?? value);
  const application =
    o.application ??
    map({ fromHerId: text(alice), toHerId: text(bob), applicationTimeStamp: text("2025-01-02T03:04:05Z") });
  return Buffer.concat([
    section(0x73, list(...all)),
    section(0x74, application),
    o.tail ?? data(Buffer.from("<a>payload</a>")),
  ]);
}

const invalidField = "transport:invalid-field-value";
const notCms = "transport:invalid-cms-pkcs";
/** `taken`: reaches the handler. `rejected`: to the dead letters, unreadable. `removed`: nobody to tell. Else the condition. */
type Verdict = "taken" | "rejected" | "removed" | (string & {});

function hostileMessages(): readonly [string, Buffer, Verdict][] {
  const name = (n: string, value: Buffer): Buffer =>
    map({
      fromHerId: text(alice),
      toHerId: text(bob),
      applicationTimeStamp: text("2025-01-02T03:04:05Z"),
      [n]: value,
    });
  const uuid = Buffer.concat([Buffer.from([0x98]), Buffer.alloc(16, 7)]);
  const ulong = (n: bigint): Buffer => {
    const out = Buffer.alloc(9, 0x80);
    out.writeBigUInt64BE(n, 1);
    return out;
  };
  const int = (n: number): Buffer => {
    const out = Buffer.alloc(5, 0x71);
    out.writeInt32BE(n, 1);
    return out;
  };
  const yes = Buffer.from([0x41]);
  const inner = map({ x: text("y") });
  const deep = Array.from({ length: 200 }).reduce<Buffer>((value) => list(value), nothing);
  const bomb = Buffer.concat([Buffer.from([0xf0]), u32(5), u32(0xffff_ffff), Buffer.from([0x41])]);
  return [
    ["as it should be", made(), "taken"],
    // Wrong types.
    ["message-id as ulong", made({ properties: { 0: ulong(42n) } }), "taken"],
    ["message-id as the largest ulong", made({ properties: { 0: ulong(2n ** 64n - 1n) } }), "taken"],
    ["message-id as uuid", made({ properties: { 0: uuid } }), "taken"],
    ["message-id as binary", made({ properties: { 0: Buffer.from([0xa0, 2, 1, 2]) } }), "taken"],
    ["message-id as a map", made({ properties: { 0: inner } }), "taken"],
    ["message-id as true", made({ properties: { 0: yes } }), "taken"],
    ["message-id of a megabyte less", made({ properties: { 0: text("x".repeat(200_000)) } }), "taken"],
    ["to as a map", made({ properties: { 2: inner } }), "taken"],
    ["subject as a map", made({ properties: { 3: inner } }), invalidField],
    ["subject as an integer", made({ properties: { 3: int(5) } }), "taken"],
    ["subject empty", made({ properties: { 3: text("") } }), invalidField],
    ["subject of invalid UTF-8", made({ properties: { 3: Buffer.from([0xa1, 2, 0xc3, 0x28]) } }), "taken"],
    ["reply-to as a list", made({ properties: { 4: list(yes) } }), "taken"],
    ["content-type as a string", made({ properties: { 6: text("text/plain") } }), "taken"],
    ["content-type as a number", made({ properties: { 6: int(1) } }), notCms],
    ["content-type as a map", made({ properties: { 6: inner } }), invalidField],
    ["HER-id as an integer", made({ application: name("toHerId", int(Number(bob))) }), "taken"],
    ["HER-id as ulong", made({ application: name("toHerId", ulong(BigInt(bob))) }), "taken"],
    ["HER-id beyond any", made({ application: name("toHerId", ulong(2n ** 63n)) }), invalidField],
    ["HER-id negative", made({ application: name("toHerId", int(-5)) }), invalidField],
    ["HER-id as true", made({ application: name("toHerId", yes) }), invalidField],
    ["HER-id as a map", made({ application: name("toHerId", inner) }), invalidField],
    ["HER-id with a null byte", made({ application: name("toHerId", text(`${bob}\u0000`)) }), invalidField],
    ["HER-id of another script's digits", made({ application: name("toHerId", text("٩٣٢٣٨")) }), invalidField],
    ["time stamp as a map", made({ application: name("applicationTimeStamp", inner) }), invalidField],
    [
      "time stamp beyond time",
      made({ application: name("applicationTimeStamp", text("9999-99-99T99:99:99Z")) }),
      invalidField,
    ],
    [
      "time stamp beyond what a date holds",
      made({ application: name("applicationTimeStamp", Buffer.concat([Buffer.from([0x83]), Buffer.alloc(8, 0x7f)])) }),
      invalidField,
    ],
    ["sender that is not a number", made({ application: name("fromHerId", text("x")) }), "removed"],
    ["a property named __proto__", made({ application: name("__proto__", inner) }), "taken"],
    ["a property named constructor", made({ application: name("constructor", text("x")) }), "taken"],
    ["cpaId that is no GUID", made({ application: name("cpaId", text("'; drop table --")) }), "taken"],
    ["application properties as a list", made({ application: list(yes) }), "removed"],
    ["application properties as null", made({ application: nothing }), "rejected"],
    ["an unknown sender", made({ application: name("fromHerId", text("1")) }), "rejected"],
    // Bodies.
    ["no body", made({ tail: Buffer.alloc(0) }), "transport:not-well-formed-xml"],
    ["an empty data section", made({ tail: data(Buffer.alloc(0)) }), "transport:not-well-formed-xml"],
    [
      "two data sections",
      made({ tail: Buffer.concat([data(Buffer.from("<a>pay")), data(Buffer.from("load</a>"))]) }),
      "taken",
    ],
    [
      "a thousand data sections",
      made({
        tail: Buffer.concat([
          data(Buffer.from("<a>")),
          ...Array.from({ length: 1_000 }, () => data(Buffer.from("x"))),
          data(Buffer.from("</a>")),
        ]),
      }),
      "taken",
    ],
    ["an amqp-value of text", made({ tail: section(0x77, text("<a/>")) }), notCms],
    ["an amqp-value of binary", made({ tail: section(0x77, Buffer.from([0xa0, 1, 0x61])) }), notCms],
    ["an amqp-sequence", made({ tail: section(0x76, list(yes)) }), notCms],
    ["a data section that holds a list", made({ tail: section(0x75, list(yes)) }), notCms],
    ["a data section that holds text", made({ tail: section(0x75, text("<a/>")) }), notCms],
    [
      "a body larger than is opened",
      made({ tail: data(Buffer.alloc(300 * 1024, "x")) }),
      "transport:unsupported-message",
    ],
    ["a message larger than is taken", made({ tail: data(Buffer.alloc(2 * 1024 * 1024, "x")) }), "rejected"],
    [
      "a payload with a DOCTYPE",
      made({ tail: data(Buffer.from('<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>')) }),
      "transport:not-well-formed-xml",
    ],
    [
      "a payload of ten thousand levels",
      made({ tail: data(Buffer.from("<a>".repeat(10_000))) }),
      "transport:not-well-formed-xml",
    ],
    [
      "a payload of another encoding than it says",
      made({ tail: data(Buffer.from([0x3c, 0x61, 0x3e, 0xc3, 0x28, 0x3c, 0x2f, 0x61, 0x3e])) }),
      "transport:not-well-formed-xml",
    ],
    ["a signed and encrypted body that is text", wrapped(Buffer.from("<a/>")), notCms],
    ["a signed and encrypted body that is empty", wrapped(Buffer.alloc(0)), notCms],
    // What is no message.
    ["no byte at all", Buffer.alloc(0), "removed"],
    ["one byte", Buffer.from([0x00]), "rejected"],
    ["text", Buffer.from("GET / HTTP/1.1\r\n\r\n"), "rejected"],
    ["properties twice", Buffer.concat([section(0x73, list(text("a"))), made()]), "rejected"],
    ["an unknown section", Buffer.concat([section(0x7f, nothing), made()]), "rejected"],
    ["an array of four thousand million", made({ tail: section(0x77, bomb) }), "rejected"],
    ["a list inside a list, two hundred times", made({ application: name("x", deep) }), "rejected"],
    [
      "a size beyond the end",
      made({ tail: Buffer.concat([Buffer.from([0x00, 0x53, 0x75, 0xb0]), u32(0xffff_ffff), Buffer.from("x")]) }),
      "rejected",
    ],
    [
      "a key without a value",
      made({ application: Buffer.concat([Buffer.from([0xc1, 4, 1]), text("a").subarray(0, 3)]) }),
      "rejected",
    ],
  ];
}

async function hostile(side: Receiver): Promise<void> {
  for (const [id, bytes, verdict] of hostileMessages()) {
    counts.hostile++;
    const fate = await side.take(bytes);
    if (verdict !== "taken" && verdict !== "rejected" && verdict !== "removed") {
      refusedAs(id, fate, verdict);
      continue;
    }
    once(id, fate);
    tally.check(fate.handled.length === (verdict === "taken" ? 1 : 0), `${id}: handled ${fate.handled.length} times`);
    tally.check(
      fate.settlements[0] === (verdict === "rejected" ? "rejected" : "accepted"),
      `${id}: ${fate.settlements.join()}`,
    );
    tally.check(fate.out.length === 0, `${id}: ${fate.out.map((o) => o.condition).join()} was told`);
  }
  const clean = ({} as Record<string, unknown>)["x"] === undefined;
  tally.check(clean, "the prototype of all objects was changed");
}

/** Beginnings of a whole message, and the message with single bytes changed: no other content ever reaches the handler. */
async function damaged(side: Receiver): Promise<void> {
  const whole = read("amqp", "async.amqp");
  const baseline = parsed<CmsVector[]>("cms", "vectors.json")[0];
  const plaintext = baseline?.expect.result === "ok" ? baseline.expect.plaintextSha256 : "";
  const random = createRandom(20_261_130);
  const variants: Buffer[] = [];
  for (let at = 0; at < whole.length; at += 1 + random(80)) variants.push(whole.subarray(0, at));
  for (let i = 0; i < 400; i++) {
    const copy = Buffer.from(whole);
    // Half of them in the header, where most of the meaning is.
    const at = random(i % 2 === 0 ? 700 : whole.length);
    copy[at] = (copy[at] ?? 0) ^ (1 + random(255));
    variants.push(copy);
  }
  for (const bytes of variants) {
    counts.damaged++;
    const fate = await side.take(bytes);
    const id = `damaged ${counts.damaged}`;
    // An agreement, a sender or a queue that is changed into another may make the registry's look-up fail.
    once(id, fate);
    for (const { payload } of fate.handled)
      tally.check(sha256(payload) === plaintext, `${id}: other content was handled`);
  }
  const after = await side.take(whole);
  tally.check(after.handled.length === 1, "the good message after all the bad ones did not come through");
}

const peers = await Promise.all([startRawPeer(), startRawPeer(), startRawPeer()]);
const [first, second, third] = peers as [RawPeer, RawPeer, RawPeer];
const strict = await receiver(first);
const lenient = await receiver(second, {
  policy: { contentEncryption: ["aes256", "aes192", "aes128", "3des"] },
});
const plain = await receiver(third, { plainAllowed: () => true });
try {
  await cmsVectors(strict, lenient);
  await amqpVectors(strict);
  await plainVectors(strict, plain);
  await hostile(plain);
  await damaged(strict);
} finally {
  await Promise.all([strict.close(), lenient.close(), plain.close()]);
  await Promise.all(peers.map((peer) => peer.close()));
}
tally.finish("Bad input to messaging", counts);
