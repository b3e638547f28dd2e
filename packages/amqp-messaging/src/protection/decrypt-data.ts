import { constants, createDecipheriv, type KeyObject, privateDecrypt, randomBytes } from "node:crypto";
import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import { type Identity, isKeyObject } from "../keys/identity.ts";
import {
  algorithmRefused,
  CONTENT_TYPE,
  type ContentEncryption,
  type KeyTransport,
  OID,
  type OaepScheme,
  type ProtectionPolicy,
  readAlgorithm,
  readCipher,
  readOaepScheme,
} from "./algorithms.ts";
import { type BerElement, readBer } from "./ber-reader.ts";
import { identifies } from "./certificate-identifier.ts";
import { removeOaep, removePkcs1 } from "./padding.ts";
import { releaseBuffer } from "../release-buffer.ts";
import { inSlices } from "./slices.ts";

/** Smaller pieces are left to the collector. */
const fromBytes = 64 * 1024;
/** Most recipient entries that one message may make this side try: each costs an RSA operation. */
const MAX_ATTEMPTS = 16;

/** Where the opening of a message ended, for the own log alone: told to a sender, it would decrypt for him. */
export interface OpeningFailure {
  /** `recipient`: no entry for an own certificate; `content`: key or content does not fit; `structure`: no SignedData. */
  readonly stage: "recipient" | "content" | "structure";
  /** Recipient entries in the message. */
  readonly recipients: number;
  /** Entries for own certificates that were tried. */
  readonly tried: number;
}

/**
 * The one answer to everything that goes wrong between the outer structure and a readable signed structure: not a
 * recipient, wrong key, wrong padding, garbage inside. A sender who could tell these apart could decrypt messages of
 * others step by step.
 *
 * @internal
 */
export function decryptionFailed(): HelsekontaktError {
  return new HelsekontaktError(
    "protection/decryption-failed",
    "expected a signed message that one of the own keys opens",
    {
      hint: "check that the sender used the present encryption certificate; a previous one can be given as a further key",
    },
  );
}

interface Envelope {
  readonly recipients: readonly BerElement[];
  readonly cipher: ReturnType<typeof readCipher>;
  readonly iv: Buffer;
  /** In order; one, unless the sender has split it. */
  readonly encrypted: readonly Buffer[];
}

function readEnvelope(bytes: Uint8Array, policy: Required<ProtectionPolicy>): Envelope {
  const info = readBer(bytes, { trailingZeros: true }).expect(0x30);
  if (!info.at(0).raw.equals(CONTENT_TYPE.envelopedData)) {
    throw new HelsekontaktError("protection/not-cms", "expected CMS EnvelopedData, found another content type");
  }
  const fields = info.at(1).expect(0xa0).at(0).expect(0x30);
  // Version, then [0] originatorInfo when the sender gives certificates.
  const first = fields.at(1).tag === 0xa0 ? 2 : 1;
  const content = fields.at(first + 1).expect(0x30);
  const { oid, parameters } = readAlgorithm(content.at(1));
  const cipher = readCipher(oid, policy.contentEncryption);
  const iv = parameters?.octets();
  if (iv?.length !== cipher.ivBytes) {
    throw new HelsekontaktError("protection/not-cms", `expected an initialisation vector of ${cipher.ivBytes} octets`);
  }
  return {
    recipients: fields.at(first).expect(0x31).children,
    cipher,
    iv,
    encrypted: content.at(2).segments(0x80),
  };
}

/** A recipient entry for one of our certificates. */
interface Attempt {
  readonly identity: Identity;
  readonly encryptedKey: Buffer;
  readonly oaep?: OaepScheme;
}

function attemptsFor(envelope: Envelope, keys: readonly Identity[], policy: Required<ProtectionPolicy>): Attempt[] {
  const attempts: Attempt[] = [];
  let refused: HelsekontaktError | undefined;
  for (const recipient of envelope.recipients) {
    // Other kinds (key agreement, shared keys, passwords) have tags of their own and are not for us.
    if (recipient.tag !== 0x30) continue;
    const identifier = recipient.at(1);
    for (const identity of keys) {
      if (!identifies(identifier, identity.certificate)) continue;
      const { oid, parameters } = readAlgorithm(recipient.at(2));
      const transport = oid === OID.rsaEncryption ? "pkcs1" : oid === OID.rsaOaep ? "oaep" : undefined;
      if (transport === undefined || !policy.keyTransport.includes(transport)) {
        refused = algorithmRefused(`key transport by ${policy.keyTransport.join(", ")}`, transport ?? oid);
        continue;
      }
      try {
        const oaep = transport === "oaep" ? { oaep: readOaepScheme(parameters) } : {};
        attempts.push({ identity, encryptedKey: recipient.at(3).octets(), ...oaep });
      } catch (fault) {
        // Another entry may be a good one.
        refused = HelsekontaktError.from(fault);
      }
    }
  }
  if (attempts.length === 0 && refused !== undefined) throw refused;
  return attempts.slice(0, MAX_ATTEMPTS);
}

/** What {@link decryptData} found. @internal */
export interface Decrypted<T> {
  /** What `accept` returned. */
  readonly content: T;
  /** Whose key opened the message. */
  readonly recipient: Identity;
  readonly contentEncryption: ContentEncryption;
  readonly keyTransport: KeyTransport;
}

/**
 * Opens EnvelopedData with the first of our keys for which the plaintext is what `accept` takes.
 *
 * @param accept - returns nothing (or throws) for a plaintext that makes no sense; then the next entry is tried.
 * @param failed - told where it ended, once, when no entry did it.
 * @internal
 * @see RFC 5652, section 6
 */
export async function decryptData<T>(
  bytes: Uint8Array,
  keys: readonly Identity[],
  policy: Required<ProtectionPolicy>,
  accept: (plaintext: Buffer) => T,
  failed: ((failure: OpeningFailure) => void) | undefined,
  signal?: AbortSignal,
): Promise<Decrypted<T>> {
  const envelope = readEnvelope(bytes, policy);
  const attempts = attemptsFor(envelope, keys, policy);
  let stage: OpeningFailure["stage"] = attempts.length === 0 ? "recipient" : "content";
  for (const attempt of attempts) {
    const contentKey = await openKey(attempt, envelope.cipher.keyBytes, signal);
    const plaintext = await decryptContent(envelope, contentKey, signal);
    contentKey.fill(0);
    if (plaintext === undefined) continue;
    try {
      return {
        content: accept(plaintext),
        recipient: attempt.identity,
        contentEncryption: envelope.cipher.algorithm,
        keyTransport: attempt.oaep === undefined ? "pkcs1" : "oaep",
      };
    } catch {
      stage = "structure";
      // Garbage from a wrong key that happened to end in valid padding, or a message that is not signed.
    }
  }
  failed?.({ stage, recipients: envelope.recipients.length, tried: attempts.length });
  throw decryptionFailed();
}

/**
 * The content key, or a random one when it cannot be had: a wrong key then fails later, as any other wrong key does.
 * OpenSSL itself answers wrong PKCS#1 v1.5 padding with random bytes of random length.
 */
async function openKey(attempt: Attempt, size: number, signal?: AbortSignal): Promise<Buffer> {
  const substitute = randomBytes(size);
  try {
    const key = await rsaDecrypt(attempt, size, signal);
    return key?.length === size ? Buffer.from(key) : substitute;
  } catch (reason) {
    throwIfAborted(signal);
    // A vault that is away says nothing of the message, which has to wait for it.
    if (reason instanceof HelsekontaktError && reason.retryable) throw reason;
    return substitute;
  }
}

async function rsaDecrypt(attempt: Attempt, size: number, signal?: AbortSignal): Promise<Uint8Array | undefined> {
  const { encryptedKey, oaep } = attempt;
  const { key } = attempt.identity;
  const label = oaep === undefined || oaep.label.length === 0 ? {} : { oaepLabel: oaep.label };
  if (!isKeyObject(key)) {
    return key.decrypt?.(encryptedKey, {
      padding: oaep === undefined ? "pkcs1" : "oaep",
      ...(oaep === undefined ? {} : { oaepHash: oaep.hash, mgf1Hash: oaep.mask }),
      ...label,
      ...(signal === undefined ? {} : { signal }),
    });
  }
  if (oaep === undefined) return pkcs1Decrypt(key, encryptedKey, size);
  if (oaep.hash === oaep.mask) {
    return privateDecrypt(
      { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: oaep.hash, ...label },
      encryptedKey,
    );
  }
  return removeOaep(privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, encryptedKey), oaep);
}

/** Some builds of Node 22 carry an OpenSSL without implicit rejection and refuse this padding altogether. */
function pkcs1Decrypt(key: KeyObject, encryptedKey: Buffer, size: number): Buffer | undefined {
  try {
    return privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, encryptedKey);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_INVALID_ARG_VALUE") throw error;
    return removePkcs1(privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, encryptedKey), size);
  }
}

async function decryptContent(envelope: Envelope, key: Buffer, signal?: AbortSignal): Promise<Buffer | undefined> {
  const { encrypted } = envelope;
  const decryption = createDecipheriv(envelope.cipher.name, key, envelope.iv);
  // Room for all, filled as it comes: no second copy, and no moment at which a large one is joined.
  const plaintext = Buffer.allocUnsafeSlow(encrypted.reduce((size, part) => size + part.length, 0));
  let end = 0;
  const take = (slice: Uint8Array): void => {
    const part = decryption.update(slice);
    end += part.copy(plaintext, end);
    if (part.length > fromBytes) releaseBuffer(part);
  };
  await inSlices(encrypted, take, signal);
  try {
    end += decryption.final().copy(plaintext, end);
  } catch {
    return undefined;
  }
  return plaintext.subarray(0, end);
}
