import { createHash, timingSafeEqual } from "node:crypto";
import { digestSize, type OaepScheme } from "./algorithms.ts";

/**
 * Removes OAEP padding from a raw RSA block. Only for schemes whose mask uses another hash than the label (the default
 * of Java's `OAEPWithSHA-256AndMGF1Padding`), which node:crypto cannot express.
 *
 * @param block - the output of the RSA operation without padding, as long as the modulus.
 * @returns the message, or nothing when the padding is wrong, whatever is wrong with it.
 * @internal
 * @see RFC 8017, section 7.1.2
 */
export function removeOaep(block: Buffer, scheme: OaepScheme): Buffer | undefined {
  const size = digestSize(scheme.hash);
  if (block.length < 2 * size + 2) return undefined;
  const maskedSeed = block.subarray(1, 1 + size);
  const maskedData = block.subarray(1 + size);
  const seed = exclusiveOr(maskedSeed, maskGeneration(maskedData, size, scheme));
  const data = exclusiveOr(maskedData, maskGeneration(seed, maskedData.length, scheme));
  const labelHash = createHash(scheme.hash).update(scheme.label).digest();
  // All checks are made before any of them decides, so that they take the same time.
  let wrong = block[0] === 0 ? 0 : 1;
  wrong |= timingSafeEqual(data.subarray(0, size), labelHash) ? 0 : 1;
  let start = 0;
  for (let i = size; i < data.length; i++) {
    const octet = data[i] as number;
    if (start === 0) {
      if (octet === 1) start = i + 1;
      else wrong |= octet;
    }
  }
  return wrong !== 0 || start === 0 ? undefined : data.subarray(start);
}

function maskGeneration(seed: Buffer, size: number, scheme: OaepScheme): Buffer {
  const blocks: Buffer[] = [];
  const counter = Buffer.alloc(4);
  for (let made = 0; made < size; made += digestSize(scheme.mask)) {
    counter.writeUInt32BE(blocks.length);
    blocks.push(createHash(scheme.mask).update(seed).update(counter).digest());
  }
  return Buffer.concat(blocks).subarray(0, size);
}

function exclusiveOr(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((octet, i) => octet ^ (b[i] as number)));
}

/**
 * Removes PKCS#1 v1.5 padding from a raw RSA block, for runtimes whose OpenSSL refuses to (before implicit rejection).
 *
 * @param size - length of the message that is expected; any other is wrong.
 * @returns the message, or nothing when the padding is wrong, whatever is wrong with it. The caller must go on with a
 *   random message then, so that nobody learns which it was.
 * @internal
 * @see RFC 8017, section 7.2.2
 */
export function removePkcs1(block: Buffer, size: number): Buffer | undefined {
  const start = block.length - size;
  if (start < 11) return undefined;
  let wrong = block[0] as number;
  wrong |= (block[1] as number) ^ 2;
  wrong |= block[start - 1] as number;
  for (let i = 2; i < start - 1; i++) wrong |= block[i] === 0 ? 1 : 0;
  return wrong === 0 ? block.subarray(start) : undefined;
}
