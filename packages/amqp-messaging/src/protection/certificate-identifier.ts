import { createHash, type X509Certificate } from "node:crypto";
import { certificateFacts } from "../keys/certificate-facts.ts";
import { certificateNames } from "../keys/certificate-names.ts";
import { type BerElement, berToDer, readBer } from "./ber-reader.ts";

/**
 * True when a signer or recipient identifier points at this certificate: by issuer and serial number, or by subject key
 * identifier (`[0]`). One that cannot be read points at none.
 *
 * @internal
 * @see RFC 5652, sections 5.3 and 6.2.1
 */
export function identifies(identifier: BerElement, certificate: X509Certificate): boolean {
  try {
    return pointsAt(identifier, certificate);
  } catch {
    return false;
  }
}

function pointsAt(identifier: BerElement, certificate: X509Certificate): boolean {
  if (identifier.tag === 0x30) {
    const names = certificateNames(certificate);
    return (
      identifier.at(1).raw.equals(names.serialNumber) &&
      (identifier.at(0).raw.equals(names.issuer) || berToDer(identifier.at(0)).equals(names.issuer))
    );
  }
  if (identifier.tag !== 0x80 && identifier.tag !== 0xa0) return false;
  return identifier.octets(0x80).equals(keyIdentifier(certificate));
}

const computed = new WeakMap<X509Certificate, Buffer>();

/** The certificate's own key identifier, or the SHA-1 of its key, which senders compute when it has none. */
function keyIdentifier(certificate: X509Certificate): Buffer {
  const stated = certificateFacts(certificate).subjectKeyIdentifier;
  if (stated !== undefined) return stated;
  let identifier = computed.get(certificate);
  if (identifier === undefined) {
    const key = readBer(certificate.publicKey.export({ format: "der", type: "spki" }))
      .at(1)
      .value.subarray(1);
    identifier = createHash("sha1").update(key).digest();
    computed.set(certificate, identifier);
  }
  return identifier;
}
