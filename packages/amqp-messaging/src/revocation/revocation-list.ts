import type { X509Certificate } from "node:crypto";
import { setImmediate as breathe } from "node:timers/promises";
import { throwIfAborted } from "@helsekontakt/core";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  id_ce_cRLNumber,
  id_ce_deltaCRLIndicator,
  id_ce_issuingDistributionPoint,
  IssuingDistributionPoint,
  TBSCertList,
} from "@peculiar/asn1-x509";
import { certificateFacts } from "../keys/certificate-facts.ts";
import { certificateNames } from "../keys/certificate-names.ts";
import { type BerElement, berElements, readBer } from "../protection/ber-reader.ts";
import { derBytes, sequence } from "../protection/der-writer.ts";
import { checkSignature, unusable } from "./signed-by.ts";
import { namesOf } from "./sources.ts";

/** Clocks of authorities may be ahead of ours by this much, milliseconds. */
export const CLOCK_SKEW_MS = 300_000;
/** Entries between which the event loop gets its turn. */
const BATCH = 4_096;

/** A revocation list whose signature holds. Times are milliseconds since 1970. @internal */
export interface RevocationList {
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** Serial numbers, lower-case hex without leading zero octets. */
  readonly revoked: ReadonlySet<string>;
  /** Which certificates of the issuer it speaks of. */
  readonly scope: "all" | "users" | "authorities";
}

/**
 * Reads a revocation list and proves that the issuer signed it.
 *
 * The kept library reads everything but the entries: of these it refuses more than some thousands, and a national
 * authority's list may have ten times that. They are walked here, a batch at a time.
 *
 * @param url - where it was fetched: a list that names where it belongs must name this.
 * @internal
 * @throws {HelsekontaktError} `protection/certificate-invalid`, `protection/not-cms`, `abort/cancelled`
 * @see RFC 5280, sections 5 and 6.3
 */
export async function readRevocationList(
  bytes: Uint8Array,
  issuer: X509Certificate,
  options: { readonly url: string; readonly now: number; readonly signal?: AbortSignal },
): Promise<RevocationList> {
  const list = readBer(bytes).expect(0x30);
  const signed = list.at(0).expect(0x30);
  const fields = signed.children;
  const entriesAt = fields.findIndex(({ tag }, i) => tag === 0x30 && isTime(fields[i - 1]));
  const rest = fields.filter((_, i) => i !== entriesAt);
  const head = AsnConvert.parse(derBytes(sequence(...rest.map(({ raw }) => raw))), TBSCertList);
  const algorithmAt = fields[0]?.tag === 0x02 ? 1 : 0;
  if (fields[algorithmAt]?.raw.equals(list.at(1).raw) !== true) throw unusable("one signature algorithm in the list");
  if (fields[algorithmAt + 1]?.raw.equals(certificateNames(issuer).subject) !== true)
    throw unusable("a list of the certificate's issuer");
  const { keyUsage } = certificateFacts(issuer);
  if (keyUsage !== undefined && !keyUsage.includes("cRLSign")) throw unusable("an issuer that may sign lists");
  await checkSignature(signed.raw, list.at(1), list.at(2), issuer.publicKey);
  const thisUpdate = head.thisUpdate.getTime().getTime();
  const nextUpdate = head.nextUpdate?.getTime().getTime();
  if (nextUpdate === undefined) throw unusable("a list that says when the next one comes");
  if (!(thisUpdate <= options.now + CLOCK_SKEW_MS)) throw unusable("a list of the past");
  const scope = scopeOf(head, options.url);
  const revoked = await serialNumbers(
    entriesAt < 0 ? Buffer.alloc(0) : (fields[entriesAt] as BerElement).value,
    options,
  );
  return { thisUpdate, nextUpdate, revoked, scope };
}

function isTime(element: BerElement | undefined): boolean {
  return element?.tag === 0x17 || element?.tag === 0x18;
}

/** Extensions that change what the list means; an unknown critical one makes it useless. */
function scopeOf(head: TBSCertList, url: string): RevocationList["scope"] {
  let scope: RevocationList["scope"] = "all";
  for (const { extnID, critical, extnValue } of head.crlExtensions ?? []) {
    if (extnID === id_ce_deltaCRLIndicator) throw unusable("a complete list, found a delta");
    if (extnID === id_ce_issuingDistributionPoint) {
      const point = AsnConvert.parse(extnValue.buffer, IssuingDistributionPoint);
      const names = namesOf(point.distributionPoint);
      if (point.indirectCRL || point.onlyContainsAttributeCerts || point.onlySomeReasons !== undefined)
        throw unusable("a list of the issuer's own certificates for all reasons");
      if (names.length > 0 && !names.includes(url)) throw unusable("a list that belongs to this address");
      if (point.onlyContainsUserCerts) scope = "users";
      if (point.onlyContainsCACerts) scope = "authorities";
    } else if (critical && extnID !== id_ce_cRLNumber) throw unusable(`no critical extension ${extnID} in the list`);
  }
  return scope;
}

async function serialNumbers(entries: Buffer, options: { readonly signal?: AbortSignal }): Promise<Set<string>> {
  const found = new Set<string>();
  let read = 0;
  for (const entry of berElements(entries)) {
    found.add(serialText(entry.expect(0x30).at(0).expect(0x02).value));
    if (++read % BATCH !== 0) continue;
    await breathe();
    throwIfAborted(options.signal);
  }
  return found;
}

/** The octets of an INTEGER as lower-case hex without leading zero octets. @internal */
export function serialText(value: Uint8Array): string {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
  return text.replace(/^(?:00)+(?=.)/u, "");
}
