import type { X509Certificate } from "node:crypto";
import { readBer } from "../protection/ber-reader.ts";

/** The encoded fields by which CMS points at a certificate. @internal */
export interface CertificateNames {
  /** The whole INTEGER element. */
  readonly serialNumber: Buffer;
  /** The whole Name element. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
}

const cache = new WeakMap<X509Certificate, CertificateNames>();

/**
 * Cuts issuer, subject and serial number out of a certificate that node has parsed: CMS compares their encodings, which
 * no library hands out unchanged.
 *
 * @internal
 */
export function certificateNames(certificate: X509Certificate): CertificateNames {
  let names = cache.get(certificate);
  if (names === undefined) {
    names = encodedNames(certificate.raw);
    cache.set(certificate, names);
  }
  return names;
}

/**
 * The same for a certificate in DER that nobody has parsed yet.
 *
 * @internal
 * @throws {HelsekontaktError} `protection/not-cms`
 */
export function encodedNames(certificate: Uint8Array): CertificateNames {
  const body = readBer(certificate).at(0);
  const offset = body.at(0).tag === 0xa0 ? 1 : 0;
  return { serialNumber: body.at(offset).raw, issuer: body.at(offset + 2).raw, subject: body.at(offset + 4).raw };
}
