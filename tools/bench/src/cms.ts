import { fork } from "node:child_process";
import {
  constants,
  createCipheriv,
  createDecipheriv,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { fileURLToPath } from "node:url";
import { createIdentity, protect, unprotect } from "@helsekontakt/amqp-messaging/protection";
import { asn1CmsPeer, forgePeer, opensslPeer, type Party, type Peer, pkijsPeer } from "./_cms-peers.ts";
import { compare, compareCost, type Row } from "./measure.ts";

const sizes = [
  { name: "10 KB", bytes: 10 * 1024, bound: 1.3 },
  { name: "2 MB", bytes: 2 * 1024 * 1024, bound: 1.5 },
] as const;

/**
 * Sign-then-encrypt and back: against the bare operations of node:crypto that it needs, for three lengths of key; against
 * other implementations; and what one large message costs in memory and in turns of the event loop.
 */
export async function benchCms(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const bits of [2048, 3072, 4096]) {
    const [signer, receiver] = await parties(bits);
    for (const size of sizes) rows.push(...(await againstBare(bits, size, signer, receiver)));
    if (bits !== 2048) continue;
    for (const size of sizes) rows.push(...(await besideOthers(size, signer, receiver)));
  }
  return [...rows, ...(await large("out")), ...(await large("in"))];
}

async function parties(modulusLength: number): Promise<[Party, Party]> {
  const dates = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 3_600_000) };
  const common = { modulusLength, ...dates };
  return Promise.all([
    createIdentity({ subject: { commonName: "Signer" }, usage: ["nonRepudiation"], ...common }),
    createIdentity({ subject: { commonName: "Receiver" }, usage: ["keyEncipherment"], ...common }),
  ]);
}

const rates = (ours: number, other: number): string => `${rate(ours)} against ${rate(other)} a second`;
const rate = (perSecond: number): string => (perSecond < 10 ? perSecond.toFixed(1) : String(Math.round(perSecond)));

const micros = ({ aMicros, bMicros }: { readonly aMicros: number; readonly bMicros: number }): string =>
  `${Math.round(bMicros)} against ${Math.round(aMicros)} microseconds of processor`;

async function againstBare(bits: number, size: (typeof sizes)[number], signer: Party, receiver: Party): Promise<Row[]> {
  const content = randomBytes(size.bytes);
  // Getting a certificate's key costs as much as using it: both sides do it once.
  const signerKey = signer.certificate.publicKey;
  const rsa = { key: receiver.certificate.publicKey, padding: constants.RSA_PKCS1_PADDING };
  const bareOut = () => {
    const signature = sign("sha256", content, signer.key);
    const key = randomBytes(32);
    const iv = randomBytes(16);
    const cipher = createCipheriv("aes-256-cbc", key, iv);
    const box = Buffer.concat([cipher.update(content), cipher.final()]);
    return { signature, iv, wrapped: publicEncrypt(rsa, key), box };
  };
  const sample = bareOut();
  const bareBack = (): boolean => {
    const key = privateDecrypt({ key: receiver.key, padding: constants.RSA_PKCS1_PADDING }, sample.wrapped);
    const decipher = createDecipheriv("aes-256-cbc", key, sample.iv);
    const plain = Buffer.concat([decipher.update(sample.box), decipher.final()]);
    return verify("sha256", plain, signerKey, sample.signature);
  };
  const cms = await protect(content, { signer, recipients: receiver.certificate });
  const options = { keys: [receiver], expectedSigner: signer.certificate };
  const out = await compareCost(bareOut, () => protect(content, { signer, recipients: receiver.certificate }));
  const back = await compareCost(bareBack, () => unprotect(cms, options));
  const bound = { kind: "at-most", value: size.bound } as const;
  return [
    {
      name: `CMS sign + encrypt ${size.name} RSA-${bits}, cost / bare node:crypto`,
      ratio: out.ratio,
      bound,
      note: micros(out),
    },
    {
      name: `CMS decrypt + verify ${size.name} RSA-${bits}, cost / bare node:crypto`,
      ratio: back.ratio,
      bound,
      note: micros(back),
    },
  ];
}

/** How many times as fast as each of the others. */
async function besideOthers(size: (typeof sizes)[number], signer: Party, receiver: Party): Promise<Row[]> {
  const content = randomBytes(size.bytes);
  const ours = await protect(content, { signer, recipients: receiver.certificate });
  const options = { keys: [receiver], expectedSigner: signer.certificate };
  const peers: (Peer | undefined)[] = [
    asn1CmsPeer(signer, receiver),
    await pkijsPeer(signer, receiver),
    await forgePeer(signer, receiver),
    opensslPeer(signer, receiver),
  ];
  const rows: Row[] = [];
  for (const peer of peers) {
    if (peer === undefined) {
      rows.push({ name: "CMS beside the openssl command", ratio: Number.NaN, note: "not installed here" });
      continue;
    }
    const theirs = await peer.protect(content);
    const effort = { rounds: 3, ms: 60 };
    const out = await compare(
      () => protect(content, { signer, recipients: receiver.certificate }),
      () => peer.protect(content),
      effort,
    );
    const back = await compare(
      () => unprotect(ours, options),
      () => peer.unprotect(theirs),
      effort,
    );
    peer.end?.();
    const lacks = peer.lacks === undefined ? "" : `; ${peer.lacks}`;
    for (const [what, { ratio, aPerSecond, bPerSecond }] of [
      ["sign + encrypt", out],
      ["decrypt + verify", back],
    ] as const)
      rows.push({
        name: `CMS ${what} ${size.name} RSA-2048, times as fast as ${peer.name}`,
        ratio,
        note: `${rates(aPerSecond, bPerSecond)}${lacks}`,
      });
  }
  return rows;
}

/** One message of 20 MB. */
async function large(way: "out" | "in"): Promise<Row[]> {
  const child = fork(fileURLToPath(new URL("./_cms-large.ts", import.meta.url)), [way, "20"], {
    execArgv: [...process.execArgv, "--expose-gc"],
  });
  const { longestMs, extra } = await new Promise<{ longestMs: number; extra: number }>((resolve, reject) => {
    child.once("message", (message) => resolve(message as { longestMs: number; extra: number }));
    child.once("exit", (status) => reject(new Error(`the large message ended with ${status}`)));
  });
  return [
    {
      name: `CMS 20 MB ${way}, longest turn of the event loop in ms`,
      ratio: longestMs,
      bound: { kind: "at-most", value: 50 },
      note: "processor time of its thread",
    },
    {
      name: `CMS 20 MB ${way}, extra memory / size`,
      ratio: extra,
      bound: { kind: "at-most", value: 3 },
      note: "resident set at its largest, the message itself not counted",
    },
  ];
}
