import type { KeyObject } from "node:crypto";

const known = new WeakMap<KeyObject, number>();

/**
 * Length of an RSA key's modulus in bits, 0 for a key of another kind. Remembered: asking node costs a tenth of an
 * encryption each time.
 *
 * @internal
 */
export function rsaBits(key: KeyObject): number {
  let bits = known.get(key);
  if (bits === undefined) {
    bits = key.asymmetricKeyType === "rsa" ? (key.asymmetricKeyDetails?.modulusLength ?? 0) : 0;
    known.set(key, bits);
  }
  return bits;
}
