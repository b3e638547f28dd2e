import { docComment, type GeneratedFile, header, quote } from "@helsekontakt/codegen";
import {
  type CodeListDocument,
  type IdentifierSystemsDocument,
  readCodeDocuments,
  readFaultsDocument,
} from "./documents.ts";

/** Generates every file of the code lists from a `specs/` folder. */
export function generateCodes(specsDir: string): GeneratedFile[] {
  const { lists, systems } = readCodeDocuments(specsDir);
  const files: GeneratedFile[] = [{ path: "code-list.ts", content: codeListTypes() }];
  for (const list of lists) files.push({ path: `volven-${list.id}.ts`, content: listModule(list) });
  if (systems !== undefined) files.push({ path: "identifier-systems.ts", content: systemsModule(systems) });
  files.push({ path: "index.ts", content: indexModule(lists) });
  return files;
}

/** Generates the explanations of a service's fault codes. */
export function generateFaults(specsDir: string, id: string): GeneratedFile[] {
  const { spec, title, codes } = readFaultsDocument(specsDir, id);
  const rows = codes.map(
    (c) =>
      `  ${quote(c.code)}: { explanation: ${quote(c.explanation)}, todo: ${quote(c.todo)}, inferred: ${c.inferred} },\n`,
  );
  const content = `${header("gen-codes", [spec])}
${docComment([`${title}: what they mean and what to do.`], `${spec.id}#codes`)}export const faults = {
${rows.join("")}} as const;
`;
  return [{ path: `${id}.ts`, content }];
}

function codeListTypes(): string {
  return `${header("gen-codes", [])}
/** One code of a list. */
export interface CodeEntry {
  readonly code: string;
  /** Norwegian text of the code; absent where no public source gives one. */
  readonly label?: string;
  readonly explanation?: string;
  /** What Helsenorge is expected to mean when it answers with this code. */
  readonly helsenorge?: string;
  /** No longer in use: readers accept it, writers do not write it. */
  readonly retired?: true;
  /** What about this code nobody has confirmed. */
  readonly inferred?: string;
}

/** A Volven code list. */
export interface CodeList {
  /** Four digits. */
  readonly id: string;
  /** The S of a coded value; with \`urn:oid:\` before it the FHIR system. */
  readonly oid: string;
  readonly title: string;
  /** False when the public sources give a part of the list only. */
  readonly complete: boolean;
  readonly codes: readonly CodeEntry[];
}
`;
}

function listModule(list: CodeListDocument): string {
  const entries = list.codes.map((c) => {
    const parts = [`code: ${quote(c.code)}`];
    if (c.label !== undefined) parts.push(`label: ${quote(c.label)}`);
    if (c.explanation !== undefined) parts.push(`explanation: ${quote(c.explanation)}`);
    if (c.helsenorge !== undefined) parts.push(`helsenorge: ${quote(c.helsenorge)}`);
    if (c.retired) parts.push("retired: true");
    if (c.inferred !== undefined) parts.push(`inferred: ${quote(c.inferred)}`);
    return `    { ${parts.join(", ")} },\n`;
  });
  const notes = [
    ...(list.complete ? [] : ["The public sources give a part of the list only."]),
    ...list.inferred.map((i) => `Inferred: ${i}.`),
  ];
  return `${header("gen-codes", [list.spec])}
import type { CodeList } from "./code-list.ts";

${docComment([`Volven ${list.id}, ${list.title}. ${list.use}`, ...notes], list.spec.id)}export const codeList${list.id} = {
  id: ${quote(list.id)},
  oid: ${quote(list.oid)},
  title: ${quote(list.title)},
  complete: ${list.complete},
  codes: [
${entries.join("")}  ],
} as const satisfies CodeList;

${docComment([`A code of Volven ${list.id}, ${list.title}.`], `${list.spec.id}#codes`)}export type Code${list.id} =
${list.codes.map((c) => `  | ${quote(c.code)}`).join("\n")};
`;
}

function systemsModule({ spec, systems }: IdentifierSystemsDocument): string {
  const rows = systems.map((s) => `  /** ${s.label} */\n  ${s.name}: ${quote(s.uri)},\n`).join("");
  return `${header("gen-codes", [spec])}
${docComment(["Systems of identifiers in FHIR resources."], `${spec.id}#systems`)}export const identifierSystems = {
${rows}} as const;
`;
}

function indexModule(lists: readonly CodeListDocument[]): string {
  const exports = lists.map((l) => `export { type Code${l.id}, codeList${l.id} } from "./volven-${l.id}.ts";\n`);
  const imports = lists.map((l) => `import { type Code${l.id}, codeList${l.id} } from "./volven-${l.id}.ts";\n`);
  return `${header(
    "gen-codes",
    lists.map((l) => l.spec),
  )}
${imports.join("")}
${exports.join("")}
/** Every code list by its number. */
export const codeLists = {
${lists.map((l) => `  ${quote(l.id)}: codeList${l.id},\n`).join("")}} as const;

/** The codes of every list by its number. */
export interface CodeTypes {
${lists.map((l) => `  readonly ${quote(l.id)}: Code${l.id};\n`).join("")}}
`;
}
