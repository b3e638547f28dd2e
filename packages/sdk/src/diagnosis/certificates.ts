import type { X509Certificate } from "node:crypto";
import {
  type CertificateEntry,
  certificateFacts,
  certificateReport,
  type Identity,
  type KeyUsage,
} from "@helsekontakt/amqp-messaging/protection";
import { expiryFinding } from "./expiry.ts";
import { faultFinding } from "./fault-finding.ts";
import type { Lookups } from "./registries.ts";
import { type Check, type CheckContext, type Finding, fault, ok, warning } from "./types.ts";

const renew = "order a new one, add it to keys.decryption beside the old one, and register it";

/** The own certificates: their use, their owner, how long they hold. */
export const ownCertificatesCheck: Check = {
  id: "certificates.own",
  title: "own certificates",
  async run({ config, clock }) {
    const { signing, decryption = [] } = config.keys ?? {};
    const now = clock.now();
    const number = config.organisation.organisationNumber;
    return [
      ...(signing === undefined ? [] : judge("keys.signing", signing, ["nonRepudiation"], number, now, true)),
      // Earlier keys only open what was sent before: they may have run out.
      ...decryption.flatMap((identity, i) =>
        judge(`keys.decryption[${i}]`, identity, ["keyEncipherment", "dataEncipherment"], number, now, i === 0),
      ),
    ];
  },
};

function judge(
  path: string,
  { certificate }: Identity,
  usages: readonly KeyUsage[],
  organisationNumber: string,
  now: number,
  present: boolean,
): Finding[] {
  const facts = certificateFacts(certificate);
  const found: Finding[] = [];
  if (facts.keyUsage !== undefined && !usages.some((u) => facts.keyUsage?.includes(u)))
    found.push(
      fault(
        `${path}: expected key usage ${usages.join(" or ")}, found ${facts.keyUsage.join(", ")}`,
        "the two certificates may be swapped",
      ),
    );
  if (facts.organisationNumber !== undefined && facts.organisationNumber !== organisationNumber)
    found.push(
      warning(
        `${path}: organisation ${facts.organisationNumber} in the certificate, ${organisationNumber} in the configuration`,
        "right only where another organisation sends on your behalf",
      ),
    );
  if (facts.notBefore.getTime() > now)
    found.push(fault(`${path}: expected a valid certificate, found one of the future`, "check the clock"));
  const role = path === "keys.signing" ? "signing" : present ? "decryption" : "previous-decryption";
  found.push(listed({ certificate, role, source: path }, now, renew));
  return found;
}

/** A line of the list of certificates, with what is left of it. */
function listed(entry: CertificateEntry, now: number, how: string): Finding {
  const [certificate] = certificateReport([entry], now);
  if (certificate === undefined) return ok(entry.source);
  const { source, role, owner, serialNumber, notAfter, daysLeft } = certificate;
  const what = `${source}: ${role} certificate of ${owner}, serial number ${serialNumber}`;
  const finding =
    role === "previous-decryption"
      ? ok(
          `${what}: ${daysLeft < 0 ? `ended ${-daysLeft} day(s) ago` : `${daysLeft} day(s) left`}, kept for what was sent before`,
        )
      : expiryFinding(what, Date.parse(notAfter), now, how);
  return { ...finding, certificate };
}

/** What others take from the registries is what this installation has. */
export function registeredCertificatesCheck(lookups: Lookups): Check {
  return {
    id: "certificates.registered",
    title: "certificates in the profiles",
    needs: ["registry.own", "registry.helsenorge", "certificates.own"],
    async run(context, signal) {
      const { config, clock } = context;
      const own = await party(context, lookups, config.organisation.services[0]?.herId ?? "", signal);
      const theirs = await party(context, lookups, config.helsenorge.service.herId, signal);
      if ("level" in own) return [own];
      if ("level" in theirs) return [theirs];
      const found: Finding[] = [];
      const thumb = (c: X509Certificate): string => certificateFacts(c).thumbprint;
      const opens = (config.keys?.decryption ?? []).map((i) => thumb(i.certificate));
      if (own.encryption !== undefined && !opens.includes(thumb(own.encryption)))
        found.push(
          fault(
            "expected the own profile's encryption certificate among keys.decryption, found another",
            "messages to you cannot be opened: add its key, or register the new certificate",
          ),
        );
      const signing = config.keys?.signing.certificate;
      if (own.signing !== undefined && signing !== undefined && thumb(own.signing) !== thumb(signing))
        found.push(
          fault(
            "expected the own profile's signing certificate in keys.signing, found another",
            "receivers refuse what is signed by another: register it, or use its key",
          ),
        );
      if (found.length === 0) found.push(ok("own profile has the configured certificates"));
      const sides = [
        { party: own, herId: config.organisation.services[0]?.herId ?? "", how: renew },
        { party: theirs, herId: config.helsenorge.service.herId, how: "Helsenorge renews it" },
      ];
      for (const { party: side, herId, how } of sides) {
        const source = `profile of HER-id ${herId}`;
        if (side.encryption !== undefined)
          found.push(listed({ certificate: side.encryption, role: "encryption", source, herId }, clock.now(), how));
        if (side.signing !== undefined)
          found.push(listed({ certificate: side.signing, role: "signature", source, herId }, clock.now(), how));
      }
      return found;
    },
  };
}

async function party(
  context: CheckContext,
  lookups: Lookups,
  herId: string,
  signal: AbortSignal,
): Promise<
  Finding | { readonly encryption: X509Certificate | undefined; readonly signing: X509Certificate | undefined }
> {
  try {
    const profile = await lookups.profile(context, herId, signal);
    const [found] = profile?.parties ?? [];
    return { encryption: found?.encryptionCertificate, signing: found?.signatureCertificate };
  } catch (error) {
    return faultFinding(error, "expected a profile, found none", "look at it with helsekontakt profile");
  }
}
