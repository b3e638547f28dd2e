import type { X509Certificate } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Certificate } from "@peculiar/asn1-x509";

const cache = new WeakMap<X509Certificate, ReadonlyMap<string, ArrayBuffer>>();

/**
 * The extensions of a certificate by object identifier, each value still encoded; read once for each certificate object.
 *
 * @internal
 * @throws what the library throws for a structure that it cannot read.
 * @see RFC 5280, section 4.2
 */
export function certificateExtensions(certificate: X509Certificate): ReadonlyMap<string, ArrayBuffer> {
  let extensions = cache.get(certificate);
  if (extensions === undefined) {
    const list = AsnConvert.parse(certificate.raw, Certificate).tbsCertificate.extensions ?? [];
    extensions = new Map(list.map(({ extnID, extnValue }) => [extnID, extnValue.buffer]));
    cache.set(certificate, extensions);
  }
  return extensions;
}
