import { readXml, type XmlCursor, type XmlTag } from "@helsekontakt/types/xml";

interface Level {
  readonly path: string;
  readonly counts: Map<string, number>;
}

/**
 * Finds the lines of elements by their paths, in one pass. A step without index means the first of its name; what
 * follows an attribute step or a `.` (a FHIR path) is passed over.
 *
 * @param bytes - a document that has been read without error before.
 */
export function linesOf(bytes: Uint8Array, paths: readonly string[]): ReadonlyMap<string, number> {
  const wanted = new Map<string, string[]>();
  for (const path of paths) {
    const key = elementPath(path);
    wanted.set(key, [...(wanted.get(key) ?? []), path]);
  }
  const lines = new Map<string, number>();
  const stack: Level[] = [{ path: "", counts: new Map() }];
  readXml(bytes, {
    open(tag: XmlTag, cursor: XmlCursor) {
      const parent = stack.at(-1) as Level;
      const count = (parent.counts.get(tag.local) ?? 0) + 1;
      parent.counts.set(tag.local, count);
      const path = `${parent.path}/${tag.local}[${count}]`;
      for (const original of wanted.get(path) ?? []) lines.set(original, cursor.lineAt(cursor.offset));
      stack.push({ path, counts: new Map() });
    },
    text: () => undefined,
    close() {
      stack.pop();
    },
  });
  return lines;
}

function elementPath(path: string): string {
  return path
    .split("/")
    .filter((step) => !step.startsWith("@"))
    .map((step) => step.split(".", 1)[0] as string)
    .map((step) => (step === "" || /\[\d+\]$/.test(step) ? step : `${step}[1]`))
    .join("/");
}
