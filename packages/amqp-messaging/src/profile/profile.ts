import type { X509Certificate } from "node:crypto";

/** What a CPP (one party) or a CPA (an agreement of two) says. */
export interface Profile {
  readonly kind: "cpp" | "cpa";
  /** `cppid` or `cpaid`, as written. */
  readonly id: string;
  readonly version: string;
  /** Of an agreement, as written: `agreed`, `signed`, `proposed`. */
  readonly status?: string;
  /** Of an agreement: xs:dateTime, as written. */
  readonly start?: string;
  readonly end?: string;
  /** One party in a profile, two in an agreement, in document order. */
  readonly parties: readonly ProfileParty[];
  /** The other side: the one party of a profile; in an agreement the party that is not `as`, when `as` was given. */
  readonly counterparty?: ProfileParty;
}

/** One party's side. */
export interface ProfileParty {
  /** Digits. */
  readonly herId: string;
  readonly name: string;
  readonly roles: readonly ProfileRole[];
  readonly certificates: readonly ProfileCertificate[];
  /** The last certificate with key usage keyEncipherment. */
  readonly encryptionCertificate?: X509Certificate;
  /** The last certificate with key usage nonRepudiation and without keyEncipherment. */
  readonly signatureCertificate?: X509Certificate;
}

/** A certificate of a party, with its id in the document. */
export interface ProfileCertificate {
  readonly certId: string;
  readonly certificate: X509Certificate;
}

/** A part that the party plays in a process. */
export interface ProfileRole {
  readonly name: string;
  readonly process: string;
  readonly processVersion: string;
  /** What the party itself sends. */
  readonly send: readonly ProfileMessage[];
  readonly receive: readonly ProfileMessage[];
}

/** A message that a role sends or receives. */
export interface ProfileMessage {
  /** The process name in upper case: what AMQP's subject carries. */
  readonly name: string;
  readonly action: string;
  /** Queue address as in the document. Messages are routed by the address registry, not by this. */
  readonly deliveryChannel: string;
  readonly protocol: "AMQP" | "unknown";
  readonly parts: readonly ProfilePart[];
}

/** An XML document that may or must be in the message. */
export interface ProfilePart {
  readonly namespace: string;
  /** File name of the schema. */
  readonly schema: string;
  readonly version?: string;
  readonly min: number;
  readonly max: number | "unbounded";
}
