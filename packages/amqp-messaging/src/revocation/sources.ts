import type { X509Certificate } from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  AuthorityInfoAccessSyntax,
  CRLDistributionPoints,
  type DistributionPointName,
  id_ce_cRLDistributionPoints,
  id_pe_authorityInfoAccess,
} from "@peculiar/asn1-x509";
import { certificateExtensions } from "../keys/certificate-extensions.ts";

/** OCSP as a method of access, RFC 5280, section 4.2.2.1; its library is loaded with the first question alone. */
const OCSP = "1.3.6.1.5.5.7.48.1";
/** More addresses than this are not tried. */
const MAX_ADDRESSES = 4;

/** Where a certificate says that its revocation can be looked up. @internal */
export interface RevocationSources {
  readonly crl: readonly string[];
  readonly ocsp: readonly string[];
}

/**
 * Addresses over HTTP in a certificate. Lists that another authority issues, or that are for some reasons only, and
 * directories (LDAP) are left out.
 *
 * @internal
 * @see RFC 5280, sections 4.2.1.13 and 4.2.2.1
 */
export function revocationSources(certificate: X509Certificate): RevocationSources {
  try {
    const extensions = certificateExtensions(certificate);
    const points = extensions.get(id_ce_cRLDistributionPoints);
    const access = extensions.get(id_pe_authorityInfoAccess);
    const lists = points === undefined ? [] : AsnConvert.parse(points, CRLDistributionPoints);
    const descriptions = access === undefined ? [] : AsnConvert.parse(access, AuthorityInfoAccessSyntax);
    return {
      crl: overHttp(
        [...lists].flatMap((p) =>
          p.cRLIssuer === undefined && p.reasons === undefined ? namesOf(p.distributionPoint) : [],
        ),
      ),
      ocsp: overHttp(
        [...descriptions].flatMap(({ accessMethod, accessLocation }) =>
          accessMethod === OCSP ? [accessLocation.uniformResourceIdentifier] : [],
        ),
      ),
    };
  } catch {
    // Extensions that cannot be read name no source.
    return { crl: [], ocsp: [] };
  }
}

/** Addresses of a distribution point. @internal */
export function namesOf(point: DistributionPointName | undefined): string[] {
  return (point?.fullName ?? []).flatMap((name) => name.uniformResourceIdentifier ?? []);
}

function overHttp(addresses: readonly (string | undefined)[]): string[] {
  return addresses
    .filter((address) => address !== undefined)
    .filter((address) => /^https?:\/\//iu.test(address) && URL.canParse(address))
    .slice(0, MAX_ADDRESSES);
}
