import { join } from "node:path";
import { GeneratorError, readManifest, readStrictJson, type SpecEntry } from "@helsekontakt/codegen";

/** One code of a list. */
export interface CodeDocumentEntry {
  readonly code: string;
  readonly label: string | undefined;
  readonly explanation: string | undefined;
  readonly helsenorge: string | undefined;
  readonly retired: boolean;
  readonly inferred: string | undefined;
}

/** One `specs/codes/nnnn.json`. */
export interface CodeListDocument {
  readonly spec: SpecEntry;
  readonly id: string;
  readonly oid: string;
  readonly title: string;
  readonly use: string;
  readonly complete: boolean;
  readonly inferred: readonly string[];
  readonly codes: readonly CodeDocumentEntry[];
}

/** `specs/codes/identifier-systems.json`. */
export interface IdentifierSystemsDocument {
  readonly spec: SpecEntry;
  readonly systems: readonly { readonly name: string; readonly uri: string; readonly label: string }[];
}

/** `specs/codes/*-faults.json`. */
export interface FaultsDocument {
  readonly spec: SpecEntry;
  readonly title: string;
  readonly codes: readonly {
    readonly code: string;
    readonly explanation: string;
    readonly todo: string;
    readonly inferred: boolean;
  }[];
}

const volvenRoot = "2.16.578.1.12.4.1.1.";
const listKeys = ["id", "oid", "title", "use", "complete", "source", "x-inferred", "codes"];
const codeKeys = ["code", "label", "explanation", "helsenorge", "retired", "x-inferred"];

const faultsEnding = "-faults";

/** Reads the explanations of a service's fault codes; `id` ends in `-faults`. */
export function readFaultsDocument(specsDir: string, id: string): FaultsDocument {
  const spec = readManifest(specsDir).find((d) => d.id === id && id.endsWith(faultsEnding));
  if (spec === undefined) throw new GeneratorError("manifest.json", undefined, "no such id", id);
  const d = readStrictJson(join(specsDir, spec.path), `specs/${spec.path}`, ["id", "title", "source", "codes"]);
  if (d.string("id") !== id) d.fail("id", id);
  d.string("source");
  const seen = new Set<string>();
  const codes = d.objects("codes", ["code", "explanation", "todo", "x-inferred"]).map((c) => {
    const code = c.string("code");
    if (!/^(?:[A-Z]{2,10}-\d{4,6}|\d{3,4}|[a-z_]{3,40})$/.test(code))
      c.fail("code", "EHAPI-nnnnnn, EHSEC-nnnnnn, HID-nnnn, a short number or an OAuth error");
    if (seen.has(code)) c.fail("code", "a code that occurs once");
    seen.add(code);
    return {
      code,
      explanation: c.string("explanation"),
      todo: c.string("todo"),
      inferred: c.optionalString("x-inferred") !== undefined,
    };
  });
  if (codes.length === 0) d.fail("codes", "at least one code");
  return { spec, title: d.string("title"), codes };
}

/** Reads every code document that the manifest lists, in the order of its ids. */
export function readCodeDocuments(specsDir: string): {
  lists: CodeListDocument[];
  systems: IdentifierSystemsDocument | undefined;
} {
  const lists: CodeListDocument[] = [];
  let systems: IdentifierSystemsDocument | undefined;
  for (const spec of readManifest(specsDir).filter((d) => d.kind === "codes")) {
    if (spec.id.endsWith(faultsEnding)) continue;
    if (spec.id === "identifier-systems") systems = readSystems(specsDir, spec);
    else if (spec.id.startsWith("volven-")) lists.push(readList(specsDir, spec));
    else
      throw new GeneratorError(
        "manifest.json",
        undefined,
        `id ${spec.id}`,
        `volven-nnnn, identifier-systems or …${faultsEnding}`,
      );
  }
  return { lists, systems };
}

function readList(specsDir: string, spec: SpecEntry): CodeListDocument {
  const file = `specs/${spec.path}`;
  const d = readStrictJson(join(specsDir, spec.path), file, listKeys);
  const id = d.string("id");
  if (!/^\d{4}$/.test(id) || spec.id !== `volven-${id}`) d.fail("id", `the four digits of ${spec.id}`);
  const oid = d.string("oid");
  if (oid !== volvenRoot + id) d.fail("oid", volvenRoot + id);
  d.string("source");
  const seen = new Set<string>();
  const codes = d.objects("codes", codeKeys).map((c): CodeDocumentEntry => {
    const code = c.string("code");
    if (code !== code.trim()) c.fail("code", "a code without blanks at its ends");
    if (seen.has(code)) c.fail("code", "a code that occurs once");
    seen.add(code);
    return {
      code,
      label: c.optionalString("label"),
      explanation: c.optionalString("explanation"),
      helsenorge: c.optionalString("helsenorge"),
      retired: c.optionalBoolean("retired") ?? false,
      inferred: c.optionalString("x-inferred"),
    };
  });
  if (codes.length === 0) d.fail("codes", "at least one code");
  return {
    spec,
    id,
    oid,
    title: d.string("title"),
    use: d.string("use"),
    complete: d.boolean("complete"),
    inferred: d.strings("x-inferred"),
    codes,
  };
}

function readSystems(specsDir: string, spec: SpecEntry): IdentifierSystemsDocument {
  const d = readStrictJson(join(specsDir, spec.path), `specs/${spec.path}`, ["id", "title", "source", "systems"]);
  const systems = d.objects("systems", ["name", "uri", "label"]).map((s) => {
    const name = s.string("name");
    if (!/^[a-z][A-Za-z0-9]*$/.test(name)) s.fail("name", "a property name in camel case");
    const uri = s.string("uri");
    if (!uri.startsWith("urn:")) s.fail("uri", "a URN");
    return { name, uri, label: s.string("label") };
  });
  return { spec, systems };
}
