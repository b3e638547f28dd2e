import { createHash, X509Certificate } from "node:crypto";
import {
  BasicOCSPResponse,
  CertID,
  id_kp_OCSPSigning,
  id_pkix_ocsp_basic,
  OCSPRequest,
  OCSPResponse,
  OCSPResponseStatus,
  type ResponderID,
  Request,
  type SingleResponse,
  TBSRequest,
} from "@peculiar/asn1-ocsp";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import { AlgorithmIdentifier, ExtendedKeyUsage, id_ce_extKeyUsage } from "@peculiar/asn1-x509";
import { certificateExtensions } from "../keys/certificate-extensions.ts";
import { certificateFacts, certificateFaults } from "../keys/certificate-facts.ts";
import { certificateNames } from "../keys/certificate-names.ts";
import { readBer } from "../protection/ber-reader.ts";
import { CLOCK_SKEW_MS, serialText } from "./revocation-list.ts";
import { checkSignature, unusable } from "./signed-by.ts";

/** An answer without an end counts this long: its responder says that it always has newer ones. Milliseconds. */
const WITHOUT_END_MS = 3_600_000;
/** Certificates of an answer that are looked at as the responder's. */
const MAX_RESPONDERS = 8;
const SHA1 = "1.3.14.3.2.26";

/** What a responder says of one certificate, proved. Times are milliseconds since 1970. @internal */
export interface OcspAnswer {
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly status: "good" | "revoked" | "unknown";
}

/** SHA-1 of the issuer's name and key: what every responder knows, and no signature rests on it. */
function identifierOf(certificate: X509Certificate, issuer: X509Certificate): CertID {
  const sha1 = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(createHash("sha1").update(bytes).digest()).buffer;
  return new CertID({
    hashAlgorithm: new AlgorithmIdentifier({ algorithm: SHA1, parameters: null }),
    issuerNameHash: new OctetString(sha1(certificateNames(issuer).subject)),
    issuerKeyHash: new OctetString(sha1(publicKeyBits(issuer))),
    serialNumber: copy(readBer(certificateNames(certificate).serialNumber).value),
  });
}

function publicKeyBits(certificate: X509Certificate): Buffer {
  return readBer(certificate.publicKey.export({ format: "der", type: "spki" }))
    .at(1)
    .value.subarray(1);
}

function copy(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

/**
 * The request for one certificate, without a nonce: answers that responders make ahead, and that may be kept, have none.
 *
 * @internal
 * @see RFC 6960, section 4.1; RFC 5019, section 2.1
 */
export function ocspRequest(certificate: X509Certificate, issuer: X509Certificate): Uint8Array<ArrayBuffer> {
  const request = new Request({ reqCert: identifierOf(certificate, issuer) });
  const tbsRequest = new TBSRequest({ requestList: [request] });
  return new Uint8Array(AsnConvert.serialize(new OCSPRequest({ tbsRequest })));
}

/**
 * Reads an answer and proves that the issuer, or a responder that it has appointed, signed it for this certificate. The
 * responder's own certificate is not asked about: authorities keep its life short instead.
 *
 * @internal
 * @throws {HelsekontaktError} `protection/certificate-invalid`, `protection/not-cms`, and what the library throws.
 * @see RFC 6960, sections 3.2 and 4.2.2.2
 */
export async function readOcspAnswer(
  bytes: Uint8Array,
  certificate: X509Certificate,
  issuer: X509Certificate,
  now: number,
): Promise<OcspAnswer> {
  const outer = AsnConvert.parse(copy(bytes), OCSPResponse);
  if (outer.responseStatus !== OCSPResponseStatus.successful || outer.responseBytes === undefined)
    throw unusable(`an answer, found status ${outer.responseStatus}`);
  if (outer.responseBytes.responseType !== id_pkix_ocsp_basic) throw unusable("a basic OCSP response");
  const encoded = Buffer.from(outer.responseBytes.response.buffer);
  const basic = AsnConvert.parse(copy(encoded), BasicOCSPResponse);
  const { tbsResponseData: data } = basic;
  const single = data.responses.find((r) => speaksOf(r, certificate, issuer));
  if (single === undefined) throw unusable("an answer for this certificate");
  if ([...(data.responseExtensions ?? []), ...(single.singleExtensions ?? [])].some(({ critical }) => critical))
    throw unusable("no critical extension in the answer");
  const raw = readBer(encoded).expect(0x30);
  // The bytes as they came: what the library writes again need not be what was signed.
  await checkSignature(raw.at(0).raw, raw.at(1), raw.at(2), responder(basic, issuer, now).publicKey);
  const thisUpdate = single.thisUpdate.getTime();
  if (!(thisUpdate <= now + CLOCK_SKEW_MS)) throw unusable("an answer of the past");
  const { revoked, good } = single.certStatus;
  return {
    thisUpdate,
    nextUpdate: single.nextUpdate?.getTime() ?? thisUpdate + WITHOUT_END_MS,
    status: revoked !== undefined ? "revoked" : good === undefined ? "unknown" : "good",
  };
}

function speaksOf(response: SingleResponse, certificate: X509Certificate, issuer: X509Certificate): boolean {
  const { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber } = response.certID;
  if (hashAlgorithm.algorithm !== SHA1) return false;
  const wanted = identifierOf(certificate, issuer);
  return (
    same(issuerNameHash.buffer, wanted.issuerNameHash.buffer) &&
    same(issuerKeyHash.buffer, wanted.issuerKeyHash.buffer) &&
    serialText(new Uint8Array(serialNumber)) === serialText(new Uint8Array(wanted.serialNumber))
  );
}

function same(a: ArrayBuffer, b: ArrayBuffer): boolean {
  return Buffer.from(a).equals(Buffer.from(b));
}

/** The issuer itself, or a certificate in the answer that the issuer made for this very purpose. */
function responder(basic: BasicOCSPResponse, issuer: X509Certificate, now: number): X509Certificate {
  const id = basic.tbsResponseData.responderID;
  if (names(id, issuer)) return issuer;
  for (const parsed of (basic.certs ?? []).slice(0, MAX_RESPONDERS)) {
    const candidate = new X509Certificate(Buffer.from(AsnConvert.serialize(parsed)));
    if (names(id, candidate) && mayAnswer(candidate, issuer, now)) return candidate;
  }
  throw unusable("an answer of the issuer or of a responder that it has appointed");
}

function names({ byName, byKey }: ResponderID, certificate: X509Certificate): boolean {
  if (byKey !== undefined)
    return createHash("sha1").update(publicKeyBits(certificate)).digest().equals(Buffer.from(byKey.buffer));
  return (
    byName !== undefined && certificateNames(certificate).subject.equals(Buffer.from(AsnConvert.serialize(byName)))
  );
}

function mayAnswer(candidate: X509Certificate, issuer: X509Certificate, now: number): boolean {
  if (!candidate.checkIssued(issuer) || !candidate.verify(issuer.publicKey)) return false;
  const usages = certificateExtensions(candidate).get(id_ce_extKeyUsage);
  if (usages === undefined || ![...AsnConvert.parse(usages, ExtendedKeyUsage)].includes(id_kp_OCSPSigning))
    return false;
  const { keyUsage } = certificateFacts(candidate);
  if (keyUsage !== undefined && !keyUsage.includes("digitalSignature") && !keyUsage.includes("nonRepudiation"))
    return false;
  return certificateFaults(candidate, { at: new Date(now) }).length === 0;
}
