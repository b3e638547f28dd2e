import { readXml, type XmlCursor, type XmlTag } from "@helsekontakt/types/xml";

interface Level {
  readonly path: string;
  readonly counts: Map<string, number>;
  /** True inside a FHIR resource, where paths have points and count from 0. */
  readonly isFhir: boolean;
}

/**
 * Finds the lines of elements by their paths, in one pass. A step without index means the first of its name; what
 * follows an attribute step is passed over. Where an element of a FHIR path (`…/Content/Patient.contact[0].name`) is
 * missing, it is the line of the nearest one around it.
 *
 * @param bytes - a document that has been read without error before.
 */
export function linesOf(bytes: Uint8Array, paths: readonly string[]): ReadonlyMap<string, number> {
  const wanted = new Map(paths.map((path) => [path, placesOf(path)] as const));
  const places = new Set([...wanted.values()].flat());
  const resources = new Set([...wanted.values()].flatMap((list) => (list.length > 1 ? list.slice(0, 1) : [])));
  const found = new Map<string, number>();
  const stack: Level[] = [{ path: "", counts: new Map(), isFhir: false }];
  readXml(bytes, {
    open(tag: XmlTag, cursor: XmlCursor) {
      const parent = stack.at(-1) as Level;
      const count = parent.counts.get(tag.local) ?? 0;
      parent.counts.set(tag.local, count + 1);
      const path = parent.isFhir
        ? fhirPath(parent.path, tag.local, count)
        : `${parent.path}/${tag.local}[${count + 1}]`;
      const isFhir = parent.isFhir || resources.has(path);
      if (places.has(path) && !found.has(path))
        found.set(path, cursor.lineAt(isFhir ? cursor.tagStart() : cursor.offset));
      stack.push({ path, counts: new Map(), isFhir });
    },
    text: () => undefined,
    close() {
      stack.pop();
    },
  });
  const lines = new Map<string, number>();
  for (const [path, list] of wanted) {
    const line = list.map((place) => found.get(place)).findLast((l) => l !== undefined);
    if (line !== undefined) lines.set(path, line);
  }
  return lines;
}

/** A resource inside `contained` or `resource` is one element more in XML than in the path. */
function fhirPath(parent: string, local: string, count: number): string {
  return /^[A-Z]/.test(local) ? parent : `${parent}.${local}[${count}]`;
}

/** The element of a path, in full; of a FHIR path the resource and what leads from it to the element, outermost first. */
function placesOf(path: string): string[] {
  const last = path.lastIndexOf("/") + 1;
  const [name = "", ...steps] = path.slice(last).split(".");
  const places = [elementPath(path.slice(0, last) + name)];
  for (const step of steps) {
    // What belongs to a primitive stands in `_birthDate` in JSON, and in `birthDate` in XML.
    const own = step.replace(/^_/, "");
    places.push(`${places.at(-1) ?? ""}.${/\[\d+\]$/.test(own) ? own : `${own}[0]`}`);
  }
  return places;
}

function elementPath(path: string): string {
  return path
    .split("/")
    .filter((step) => !step.startsWith("@"))
    .map((step) => (step === "" || /\[\d+\]$/.test(step) ? step : `${step}[1]`))
    .join("/");
}
