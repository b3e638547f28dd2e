import type { Party, PartyRegistry } from "@helsekontakt/amqp-messaging";
import {
  type CertificateEntry,
  type CertificateWatch,
  type KeySource,
  watchCertificates,
} from "@helsekontakt/amqp-messaging/protection";
import type { Clock, Logger } from "@helsekontakt/core";
import type { EventSink } from "./events.ts";

/** Partners whose certificates are watched; the one met longest ago goes first. */
const maxParties = 1_000;

/** A registry that remembers the certificates of the parties that it has found. */
export interface RememberingRegistry extends PartyRegistry {
  entries(): readonly CertificateEntry[];
}

export function rememberCertificates(registry: PartyRegistry): RememberingRegistry {
  const met = new Map<string, Party>();
  return {
    async resolve(request) {
      const party = await registry.resolve(request);
      met.delete(party.herId);
      met.set(party.herId, party);
      const [first] = met.keys();
      if (met.size > maxParties && first !== undefined) met.delete(first);
      return party;
    },
    invalidate: (herId) => registry.invalidate(herId),
    entries: () => [...met.values()].flatMap(entriesOf),
  };
}

function entriesOf({ herId, kind, encryptionCertificate, signatureCertificate }: Party): CertificateEntry[] {
  const source = kind === "dummy" ? "address registry" : kind;
  const entry = (certificate: typeof encryptionCertificate, role: CertificateEntry["role"]): CertificateEntry[] =>
    certificate === undefined ? [] : [{ certificate, role, source, herId }];
  return [...entry(encryptionCertificate, "encryption"), ...entry(signatureCertificate, "signature")];
}

/** Tells of own certificates, and of those of the partners that messages have gone to or come from. */
export function watchMessagingCertificates(options: {
  readonly keys: KeySource;
  readonly partners: RememberingRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: EventSink;
}): CertificateWatch {
  const { keys, partners, clock, logger, emit } = options;
  return watchCertificates({
    async entries() {
      const { signing, decryption = [] } = await keys();
      const own: CertificateEntry[] = [
        ...(signing === undefined
          ? []
          : [{ certificate: signing.certificate, role: "signing" as const, source: "keys.signing" }]),
        ...decryption.map(({ certificate }, i) => ({
          certificate,
          role: i === 0 ? ("decryption" as const) : ("previous-decryption" as const),
          source: `keys.decryption[${i}]`,
        })),
      ];
      return [...own, ...partners.entries()];
    },
    onWarning({ role, source, herId, serialNumber, daysLeft, level }) {
      emit({
        type: "certificate-expires",
        role,
        source,
        ...(herId === undefined ? {} : { herId }),
        serialNumber,
        daysLeft,
        level: level === "red" ? "red" : "yellow",
      });
    },
    clock,
    logger,
  });
}
