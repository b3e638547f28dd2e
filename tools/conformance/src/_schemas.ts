import { XmlDocument, XmlError, XmlValidateError, XsdValidator } from "libxml2-wasm";
import { xmlRegisterFsInputProviders } from "libxml2-wasm/lib/nodejs.mjs";
import { upstreamPath } from "./_upstream.ts";

/** Official schema files for each namespace in specs/xsd, in an order in which every import is known. */
const officialSchemas: readonly (readonly [namespace: string, file: string])[] = [
  ["http://www.kith.no/xmlstds", "core/kith.xsd"],
  ["http://www.kith.no/xmlstds/felleskomponent1", "core/felleskomponent1.xsd"],
  ["http://www.w3.org/2000/09/xmldsig#", "core/xmldsig-core-schema.xsd"],
  ["http://www.kith.no/xmlstds/base64container", "core/kith-base64.xsd"],
  ["http://www.kith.no/xmlstds/msghead/2006-05-24", "core/MsgHead-v1_2.xsd"],
  ["http://www.kith.no/xmlstds/apprec/2004-11-21", "core/apprec-v1.0.xsd"],
  ["http://www.kith.no/xmlstds/apprec/2012-02-15", "core/apprec-v1.1.xsd"],
  ["http://www.kith.no/xmlstds/dialog/2006-10-11", "core/dialogmelding-v1.0.xsd"],
  ["http://www.kith.no/xmlstds/dialog/2013-01-23", "core/dialogmelding-v1.1.xsd"],
  ["http://ehelse.no/xmlstds/tjenesteoversikt", "sarepta/felleskomponenter/TjenesteOversiktv1.0.xsd"],
  ["http://www.kith.no/xmlstds/pasientrelasjon/2014-03-28", "sarepta/felleskomponenter/pasientrelasjon-2014-03-28.xsd"],
  ["http://www.kith.no/xmlstds/helsepersonell/2014-03-28", "sarepta/felleskomponenter/helsepersonell-2014-03-28.xsd"],
  ["http://www.kith.no/xmlstds/helsepersonell/2015-05-04", "sarepta/felleskomponenter/helsepersonell-2015-05-04.xsd"],
  ["http://www.kith.no/xmlstds/person/2014-03-28", "sarepta/felleskomponenter/personer-2014-03-28.xsd"],
];

/** The namespaces that the official schemas used here describe. */
export const officialNamespaces: ReadonlySet<string> = new Set(officialSchemas.map(([ns]) => ns));

/** Paths of those schema files. */
export const officialFiles: readonly string[] = officialSchemas.map(([, file]) => upstreamPath(`xsd/${file}`));

export interface OfficialVerdict {
  /** False when libxml2 cannot read the document at all. */
  readonly readable: boolean;
  readonly valid: boolean;
  readonly lines: readonly number[];
  readonly messages: readonly string[];
}

/** A validator over the official schemas: the judge that ours is measured against. */
export function createOfficialJudge(): (bytes: Uint8Array) => OfficialVerdict {
  xmlRegisterFsInputProviders();
  const imports = officialSchemas.map(
    ([ns, file]) => `<xs:import namespace="${ns}" schemaLocation="${upstreamPath(`xsd/${file}`)}"/>`,
  );
  const driver = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:helsekontakt:driver">${imports.join("")}</xs:schema>`;
  const validator = XsdValidator.fromDoc(XmlDocument.fromString(driver, { url: upstreamPath("xsd/driver.xsd") }));
  return (bytes) => {
    let document: XmlDocument | undefined;
    try {
      document = XmlDocument.fromBuffer(bytes);
      validator.validate(document);
      return { readable: true, valid: true, lines: [], messages: [] };
    } catch (error) {
      if (error instanceof XmlValidateError) {
        const details = error.details;
        return {
          readable: true,
          valid: false,
          lines: details.map((d) => d.line),
          messages: details.map((d) => d.message),
        };
      }
      if (error instanceof XmlError) return { readable: false, valid: false, lines: [], messages: [error.message] };
      throw error;
    } finally {
      document?.dispose();
    }
  };
}
