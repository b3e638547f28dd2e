import { decodeXml } from "@helsekontakt/types/xml";
import { XMLParser } from "fast-xml-parser";
import { SaxesParser } from "saxes";
import { registry, requestMessage, serviceListMessage } from "./messages.ts";
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
  const fxp = new XMLParser({ ignoreAttributes: false, preserveOrder: true });
  const rows: Row[] = [];
  for (const [label, bytes, bound] of [
    ["request", requestMessage(), 0.6],
    ["service list", serviceListMessage(), 0.6],
    ["request with attachment", requestMessage(750_000), 3],
  ] as const) {
    const what = `decode of a ${label}, ${(bytes.length / 1024).toFixed(1)} KB`;
    const saxes = await compare(
      () => decodeXml(bytes, { registry }),
      () => bareSaxes(bytes),
    );
    rows.push({
      name: `${what} / bare saxes`,
      ratio: saxes.ratio,
      bound: { kind: "at-least", value: bound },
      note: note(saxes.aPerSecond, saxes.bPerSecond),
    });
    const other = await compare(
      () => decodeXml(bytes, { registry }),
      () => fxp.parse(Buffer.from(bytes)),
    );
    rows.push({
      name: `${what} / fast-xml-parser (ordered)`,
      ratio: other.ratio,
      bound: { kind: "at-least", value: 2 },
      note: note(other.aPerSecond, other.bPerSecond),
    });
  }
  return rows;
}

function note(ours: number, theirs: number): string {
  return `${Math.round(ours)} against ${Math.round(theirs)} a second`;
}
