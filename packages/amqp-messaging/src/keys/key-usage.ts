/** Key usage bits in the order of their numbers. @see RFC 5280, section 4.2.1.3 */
export const keyUsages = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
] as const;

/** What a certificate's key may be used for. */
export type KeyUsage = (typeof keyUsages)[number];
