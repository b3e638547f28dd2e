/**
 * The few parts of pkijs that the tests use. Its own declarations need the types of a browser, which this package must
 * not see.
 */
export interface Pkijs {
  readonly Certificate: { fromBER(bytes: ArrayBuffer): PkiCertificate };
  readonly ContentInfo: (new (fields: {
    readonly contentType: string;
    readonly content: unknown;
  }) => PkiContentInfo) & {
    readonly DATA: string;
    readonly SIGNED_DATA: string;
    readonly ENVELOPED_DATA: string;
    fromBER(bytes: ArrayBuffer): PkiContentInfo;
  };
  readonly EncapsulatedContentInfo: new (fields: { readonly eContentType: string }) => PkiEncapsulated;
  readonly IssuerAndSerialNumber: new (fields: PkiCertificate) => object;
  readonly SignerInfo: new (fields: { readonly version: number; readonly sid: object }) => object;
  readonly SignedData: new (
    fields:
      | { readonly schema: unknown }
      | {
          readonly version: number;
          readonly encapContentInfo: PkiEncapsulated;
          readonly certificates: readonly PkiCertificate[];
          readonly signerInfos: readonly object[];
        },
  ) => PkiSignedData;
  readonly EnvelopedData: new (fields: { readonly schema: unknown } | { readonly version: number }) => PkiEnvelopedData;
}

export interface PkiCertificate {
  readonly issuer: object;
  readonly serialNumber: object;
}

export interface PkiContentInfo {
  readonly content: unknown;
  toSchema(): { toBER(): ArrayBuffer };
}

export interface PkiEncapsulated {
  eContent?: { getValue(): ArrayBuffer; readonly constructor: unknown };
}

export interface PkiSignedData {
  readonly encapContentInfo: PkiEncapsulated;
  sign(key: unknown, signer: number, hash: string): Promise<void>;
  verify(options: { readonly signer: number }): Promise<boolean>;
  toSchema(encodeContent: boolean): unknown;
}

export interface PkiEnvelopedData {
  addRecipientByCertificate(certificate: PkiCertificate, options: { readonly oaepHashAlgorithm: string }): boolean;
  encrypt(algorithm: { readonly name: string; readonly length: number }, content: ArrayBuffer): Promise<unknown>;
  decrypt(
    recipient: number,
    keys: { readonly recipientCertificate: PkiCertificate; readonly recipientPrivateKey: ArrayBuffer },
  ): Promise<ArrayBuffer>;
  toSchema(): unknown;
}

// A name that the compiler does not follow.
const specifier: string = "pkijs";

export const pkijs = (await import(specifier)) as Pkijs;
