import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { validateMessage } from "@helsekontakt/validators";
import { decodeAndValidateXml, rules, types } from "@helsekontakt/validators/xml";
import { XmlDocument, XsdValidator } from "libxml2-wasm";
import { xmlRegisterFsInputProviders } from "libxml2-wasm/lib/nodejs.mjs";
import { compare, type Row } from "./measure.ts";
import { registry, requestMessage, serviceListMessage } from "./messages.ts";

const specs = fileURLToPath(new URL("../../../specs/xsd", import.meta.url));

/** Decode and check against the schemas, held against libxml2-wasm's parse and XSD with the same schemas. */
export async function benchValidate(): Promise<Row[]> {
  const judge = libxml2();
  const rows: Row[] = [];
  for (const [label, bytes, value] of [
    ["request", requestMessage(), 3],
    ["request with attachment", requestMessage(750_000), 1],
  ] as const) {
    const options = { registry: rules, types, elements: registry };
    const ours = (): boolean => {
      const { valid, decoded } = decodeAndValidateXml(bytes, options);
      return valid && decoded !== undefined;
    };
    if (!judge(bytes) || !ours()) throw new Error("expected a message that both take, found a fault");
    const { ratio, aPerSecond, bPerSecond } = await compare(ours, () => judge(bytes));
    rows.push({
      name: `decode and validate of a ${label}, ${(bytes.length / 1024).toFixed(1)} KB / libxml2-wasm parse and XSD`,
      ratio,
      bound: { kind: "at-least", value },
      note: `${Math.round(aPerSecond)} against ${Math.round(bPerSecond)} a second`,
    });
  }
  for (const [label, bytes] of [
    ["request", requestMessage()],
    ["service list", serviceListMessage()],
    ["request with attachment", requestMessage(750_000)],
  ] as const) {
    const options = { registry: rules, types, elements: registry };
    const whole = (): boolean => validateMessage(bytes).valid;
    if (!whole()) throw new Error("expected a message without an error, found one");
    const { ratio, aPerSecond } = await compare(whole, () => decodeAndValidateXml(bytes, options));
    rows.push({
      name: `validateMessage of a ${label}, ${(bytes.length / 1024).toFixed(1)} KB, times as fast as decode and validate alone`,
      ratio,
      note: `${Math.round(aPerSecond)} a second with identifiers, code lists and the rules of the function`,
    });
  }
  rows.push(memory("UTF-8"), memory("ISO-8859-1"), load());
  return rows;
}

export function libxml2(): (bytes: Uint8Array) => boolean {
  xmlRegisterFsInputProviders();
  const files: Readonly<Record<string, string>> = {
    "http://www.kith.no/xmlstds": "kith/2007-01-11/kith.xsd",
    "http://www.kith.no/xmlstds/felleskomponent1": "felleskomponent1/1.1/felleskomponent1.xsd",
    "http://www.w3.org/2000/09/xmldsig#": "xmldsig/2002-02-12/xmldsig-core.xsd",
    "http://www.kith.no/xmlstds/base64container": "base64container/1.0/base64container.xsd",
    "http://www.kith.no/xmlstds/dialog/2013-01-23": "dialogmelding/1.1/dialogmelding-v1.1.xsd",
    "http://www.kith.no/xmlstds/person/2014-03-28": "person/2014-03-28/personer-2014-03-28.xsd",
    "http://www.kith.no/xmlstds/helsepersonell/2014-03-28": "helsepersonell/2014-03-28/helsepersonell-2014-03-28.xsd",
    "http://www.kith.no/xmlstds/pasientrelasjon/2014-03-28":
      "pasientrelasjon/2014-03-28/pasientrelasjon-2014-03-28.xsd",
    "http://www.kith.no/xmlstds/msghead/2006-05-24": "msghead/1.2/MsgHead-v1_2.xsd",
  };
  const imports = Object.entries(files).map(
    ([namespace, file]) => `<xs:import namespace="${namespace}" schemaLocation="${specs}/${file}"/>`,
  );
  const driver = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:driver">${imports.join("")}</xs:schema>`;
  const validator = XsdValidator.fromDoc(XmlDocument.fromString(driver, { url: `${specs}/driver.xsd` }));
  return (bytes) => {
    const document = XmlDocument.fromBuffer(bytes);
    try {
      validator.validate(document);
      return true;
    } catch {
      return false;
    } finally {
      document.dispose();
    }
  };
}

/** What a decode takes beside the document, in a process of its own: the peak of heap and buffers, garbage included. */
function memory(encoding: "UTF-8" | "ISO-8859-1"): Row {
  const bytes = 12_000_000;
  const byteEncoding = encoding === "UTF-8" ? "utf8" : "latin1";
  const code = `
    import { decodeXml } from "@helsekontakt/types/xml";
    import { registry, requestMessage } from ${JSON.stringify(new URL("./messages.ts", import.meta.url).href)};
    const message = (size) => {
      const text = new TextDecoder().decode(requestMessage(size));
      const declared = text.replace(/^<.xml.*?>/, '<?xml version="1.0" encoding="${encoding}"?><!-- æøå -->');
      return Buffer.from(declared, "${byteEncoding}");
    };
    const small = message();
    for (let i = 0; i < 50; i++) decodeXml(small, { registry });
    const bytes = message(${bytes});
    gc(); gc();
    const before = process.memoryUsage();
    const decoded = decodeXml(bytes, { registry });
    const after = process.memoryUsage();
    if (decoded.name === "") throw new Error();
    const used = after.heapUsed + after.external - before.heapUsed - before.external;
    process.stdout.write(String(used / bytes.length));`;
  const ratio = Number(run(code));
  return {
    name: `extra memory of a decode of 16 MB in ${encoding} / the document`,
    ratio,
    bound: { kind: "at-most", value: 2 },
    note: "heap and buffers after it, before any collection",
  };
}

/** Import of what one message family needs from the built packages, in milliseconds, each in a process of its own. */
function load(): Row {
  const code = `const from = performance.now();
    await import("@helsekontakt/validators/xml-runtime");
    await import("@helsekontakt/validators/xml/msghead");
    process.stdout.write(String(performance.now() - from));`;
  const times = Array.from({ length: 15 }, () => Number(run(code, { NODE_OPTIONS: "" })));
  return {
    name: "import of validators for MsgHead, milliseconds",
    // Whatever else the machine does only ever adds, so the quickest of the runs is the nearest to the truth.
    ratio: Math.min(...times),
    bound: { kind: "at-most", value: 50 },
    note: "built packages, new process, quickest of fifteen",
  };
}

function run(code: string, env: Readonly<Record<string, string>> = {}): string {
  return execFileSync(process.execPath, ["--expose-gc", "--no-warnings", "--input-type=module", "-e", code], {
    encoding: "utf8",
    env: { ...process.env, ...env },
    cwd: fileURLToPath(new URL("..", import.meta.url)),
  });
}
