import { decodeXml } from "@helsekontakt/types/xml";
import { XMLParser } from "fast-xml-parser";
import { SaxesParser } from "saxes";
import { registry, sampleMessage } from "./messages.ts";
import { compare, type Row } from "./measure.ts";

/** Bare saxes: decode the bytes, run the parser with namespaces, look at nothing. */
function bareSaxes(bytes: Uint8Array): number {
  const parser = new SaxesParser({ xmlns: true, position: false });
  let n = 0;
  parser.on("opentag", () => {
    n++;
  });
  parser.write(new TextDecoder().decode(bytes)).close();
  return n;
}

export async function benchXml(): Promise<Row[]> {
  const small = sampleMessage(3300);
  const large = sampleMessage(300, 750_000);
  const fxp = new XMLParser({ ignoreAttributes: false, preserveOrder: true });
  const rows: Row[] = [];
  for (const [label, bytes, bound] of [
    [`decode of ${(small.length / 1024).toFixed(1)} KB`, small, true],
    [`decode of ${(large.length / 1024 / 1024).toFixed(2)} MB, mostly base64`, large, false],
  ] as const) {
    const saxes = await compare(
      () => decodeXml(bytes, { registry }),
      () => bareSaxes(bytes),
    );
    rows.push({
      name: `${label} / bare saxes`,
      ratio: saxes.ratio,
      ...(bound ? { bound: { kind: "at-least", value: 0.4 } as const } : {}),
      note: `${Math.round(saxes.aPerSecond)} against ${Math.round(saxes.bPerSecond)} a second`,
    });
    const other = await compare(
      () => decodeXml(bytes, { registry }),
      () => fxp.parse(Buffer.from(bytes)),
    );
    rows.push({
      name: `${label} / fast-xml-parser (ordered)`,
      ratio: other.ratio,
      ...(bound ? { bound: { kind: "at-least", value: 2 } as const } : {}),
      note: `${Math.round(other.aPerSecond)} against ${Math.round(other.bPerSecond)} a second`,
    });
  }
  return rows;
}
