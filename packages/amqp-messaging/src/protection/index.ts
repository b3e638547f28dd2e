export {
  type CertificateFacts,
  certificateFacts,
  type CertificateFault,
  certificateFaults,
} from "../keys/certificate-facts.ts";
export {
  type CertificateOptions,
  type CertificateSubject,
  createCertificate,
  createIdentity,
  type IdentityOptions,
} from "../keys/create-certificate.ts";
export { type DigestName, type Identity, isKeyObject, type KeyOperations } from "../keys/identity.ts";
export { type KeyUsage, keyUsages } from "../keys/key-usage.ts";
export {
  type CertificateEntry,
  type CertificateLine,
  certificateReport,
  type CertificateRole,
  expiryWarningDays,
} from "../keys/certificate-report.ts";
export { type CertificateWatch, type CertificateWatchOptions, watchCertificates } from "../keys/certificate-watch.ts";
export { type CheckedTrustOptions, checkTrust } from "../keys/check-trust.ts";
export { type TrustOptions, verifyTrust } from "../keys/verify-trust.ts";
export { createRevocation } from "../revocation/revocation.ts";
export type {
  RevocationChecker,
  RevocationEvent,
  RevocationFetch,
  RevocationMethod,
  RevocationMode,
  RevocationOptions,
  RevocationStatus,
  UnknownReason,
} from "../revocation/types.ts";
export type { ContentEncryption, Digest, KeyTransport, ProtectionPolicy } from "./algorithms.ts";
export type { OpeningFailure } from "./decrypt-data.ts";
export type { EncryptOptions } from "./encrypt-data.ts";
export { type ProtectOptions, protect } from "./protect.ts";
export type { SignOptions } from "./sign-data.ts";
export {
  type Unprotected,
  type UnprotectOptions,
  unprotect,
  verifySigned,
  type VerifySignedOptions,
} from "./unprotect.ts";
export { type KeySource, type OwnKeys, type ReloadOptions, reloadKeys } from "../keys/own-keys.ts";
export { type IdentitySource, loadCertificates, loadIdentities, loadIdentity } from "../keys/load-identity.ts";
