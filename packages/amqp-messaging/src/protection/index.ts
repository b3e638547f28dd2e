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
