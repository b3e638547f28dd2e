import { createHash, type KeyObject, sign, type X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { certificateNames } from "../keys/certificate-names.ts";
import { readBer } from "../protection/ber-reader.ts";
import {
  bitString,
  DER_TRUE,
  type Der,
  derBytes,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  tlv,
} from "../protection/der-writer.ts";

interface Signer {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

const sha256WithRsa = sequence(objectIdentifier("1.2.840.113549.1.1.11"), Uint8Array.of(5, 0));
const generalized = (at: number): Der =>
  tlv(0x18, Buffer.from(new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/gu, "")));
const utc = (at: number): Der =>
  tlv(
    0x17,
    Buffer.from(
      new Date(at)
        .toISOString()
        .replaceAll(/[-:T]|\.\d+/gu, "")
        .slice(2),
    ),
  );

/** A revocation list with every field under the test's control. */
export function makeList(
  issuer: Signer,
  fields: {
    readonly thisUpdate: number;
    readonly nextUpdate?: number;
    readonly revoked?: readonly (X509Certificate | Der)[];
    readonly extensions?: readonly Der[];
    readonly issuerName?: Buffer;
    readonly algorithm?: Der;
  },
): Buffer<ArrayBuffer> {
  const { thisUpdate, nextUpdate, revoked = [], extensions = [], algorithm = sha256WithRsa } = fields;
  const entries = revoked.map((entry) =>
    sequence("raw" in entry ? certificateNames(entry).serialNumber : entry, utc(thisUpdate)),
  );
  const signed = derBytes(
    sequence(
      integer(1),
      algorithm,
      fields.issuerName ?? certificateNames(issuer.certificate).subject,
      utc(thisUpdate),
      ...(nextUpdate === undefined ? [] : [utc(nextUpdate)]),
      ...(entries.length === 0 ? [] : [sequence(...entries)]),
      ...(extensions.length === 0 ? [] : [tlv(0xa0, sequence(...extensions))]),
    ),
  );
  return derBytes(sequence(signed, algorithm, bitString(sign("sha256", signed, issuer.key))));
}

/** An extension. */
export function extension(oid: string, value: Der, critical = false): Der {
  return sequence(objectIdentifier(oid), ...(critical ? [DER_TRUE] : []), octetString(value));
}

const sha1 = (bytes: Uint8Array): Buffer => createHash("sha1").update(bytes).digest();
const keyBits = (certificate: X509Certificate): Buffer =>
  readBer(certificate.publicKey.export({ format: "der", type: "spki" }))
    .at(1)
    .value.subarray(1);

/** A responder's answer about `certificate`. */
export function makeAnswer(
  certificate: X509Certificate,
  issuer: X509Certificate,
  responder: Signer,
  fields: {
    readonly thisUpdate: number;
    readonly nextUpdate?: number;
    readonly status?: "good" | "revoked" | "unknown";
    /** Certificates that go with the answer. */
    readonly attach?: readonly X509Certificate[];
    /** Names the responder by its key rather than its name. */
    readonly byKey?: boolean;
    readonly key?: KeyObject;
  },
): Buffer<ArrayBuffer> {
  const { thisUpdate, nextUpdate, status = "good", attach = [] } = fields;
  const id = sequence(
    sequence(objectIdentifier("1.3.14.3.2.26"), Uint8Array.of(5, 0)),
    octetString(sha1(certificateNames(issuer).subject)),
    octetString(sha1(keyBits(issuer))),
    certificateNames(certificate).serialNumber,
  );
  const said = {
    good: Uint8Array.of(0x80, 0),
    revoked: tlv(0xa1, generalized(thisUpdate)),
    unknown: Uint8Array.of(0x82, 0),
  }[status];
  const single = sequence(
    id,
    said,
    generalized(thisUpdate),
    ...(nextUpdate === undefined ? [] : [tlv(0xa0, generalized(nextUpdate))]),
  );
  const by =
    fields.byKey === true
      ? tlv(0xa2, octetString(sha1(keyBits(responder.certificate))))
      : tlv(0xa1, certificateNames(responder.certificate).subject);
  const signed = derBytes(sequence(by, generalized(thisUpdate), sequence(single)));
  const basic = sequence(
    signed,
    sha256WithRsa,
    bitString(sign("sha256", signed, fields.key ?? responder.key)),
    ...(attach.length === 0 ? [] : [tlv(0xa0, sequence(...attach.map(({ raw }) => raw)))]),
  );
  const bytes = sequence(objectIdentifier("1.3.6.1.5.5.7.48.1.1"), octetString(basic));
  return derBytes(sequence(tlv(0x0a, Uint8Array.of(0)), tlv(0xa0, bytes)));
}

/** Serves what tests put under its paths, and can be deaf: it takes connections then, and never answers. */
export interface TestSource {
  readonly url: string;
  readonly served: Map<string, Uint8Array | number>;
  readonly requests: { readonly path: string; readonly method: string; readonly body: Buffer }[];
  deaf: boolean;
  close(): Promise<void>;
}

export async function startSource(): Promise<TestSource> {
  const source = {
    url: "",
    served: new Map<string, Uint8Array | number>(),
    requests: [] as { path: string; method: string; body: Buffer }[],
    deaf: false,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      source.requests.push({
        path: request.url ?? "",
        method: request.method ?? "",
        body: Buffer.concat(parts),
      });
      if (source.deaf) return;
      const found = source.served.get(request.url ?? "") ?? 404;
      if (typeof found === "number") response.writeHead(found).end();
      else response.end(found);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  source.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return source;
}
