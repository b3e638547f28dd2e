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
