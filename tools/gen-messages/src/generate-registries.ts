import { docComment, type GeneratedFile, header, propertyKey, quote } from "@helsekontakt/codegen";
import {
  type ContractType,
  type Member,
  type Operation,
  type RegistriesDocument,
  readRegistriesDocument,
  simpleTypes,
} from "./registries-document.ts";

/** Generates the registries' service contracts from a `specs/` folder: none when it has no such document. */
export function generateRegistries(specsDir: string): GeneratedFile[] {
  const document = readRegistriesDocument(specsDir);
  return document === undefined ? [] : [{ path: "registries.ts", content: registriesModule(document) }];
}

function registriesModule({ spec, bindings, services, types, faultCodes, events }: RegistriesDocument): string {
  const at = (place: string): string => `${spec.id}#${place}`;
  return `${header("gen-messages", [spec])}
${docComment(["Bindings of the services and their version of SOAP.", ...bindings.map((b) => `${b.name}: ${b.use}`)], at("bindings"))}export const soapBindings = {
${bindings.map((b) => `  ${propertyKey(b.name)}: ${quote(b.soap)},\n`).join("")}} as const;

/** Name of a binding. */
export type SoapBinding = keyof typeof soapBindings;

/** A parameter of an operation, or a member of a type. */
export interface ContractMember {
  readonly name: string;
  readonly type: ${Object.keys(simpleTypes).map(quote).join(" | ")} | ContractTypeName;
  readonly list?: true;
}

/** An operation: its parameters in the order of the wire. */
export interface ContractOperation {
  readonly parameters: readonly ContractMember[];
  readonly answer?: ContractMember["type"] | "stream";
  readonly list?: true;
  /** It changes something at the registry. */
  readonly changes?: true;
}

/** One service. The action of an operation is \`{namespace}/{contract}/{operation}\`. */
export interface ServiceContract {
  readonly namespace: string;
  readonly contract: string;
  readonly paths: Readonly<Partial<Record<SoapBinding, string>>>;
  readonly operations: Readonly<Record<string, ContractOperation>>;
}

${docComment(["The services that are used."], at("services"))}export const services = {
${services
  .map(
    (s) => `${docComment(
      s.source.map((x) => `@see ${x}`),
      at(`services/${s.name}`),
      "  ",
    )}  ${propertyKey(s.name)}: {
    namespace: ${quote(s.namespace)},
    contract: ${quote(s.contract)},
    paths: { ${Object.entries(s.paths)
      .map(([k, v]) => `${propertyKey(k)}: ${quote(v)}`)
      .join(", ")} },
    operations: {
${s.operations.map(operation).join("")}    },
  },
`,
  )
  .join("")}} as const satisfies Readonly<Record<string, ServiceContract>>;

/** A type of the data contracts: members in the order of the wire, those of the base first. */
export interface ContractType {
  readonly namespace: string;
  readonly base?: ContractTypeName;
  readonly members: readonly ContractMember[];
}

export type ContractTypeName =
${types.map((t) => `  | ${quote(t.name)}`).join("\n")};

${docComment(["Members of each type, for reading and writing."], at("types"))}export const contractTypes: Readonly<Record<ContractTypeName, ContractType>> = {
${types.map(table).join("")}};

${types.map((t) => interfaceOf(t, at(`types/${t.name}`))).join("\n")}
/** The TypeScript type of each contract type. */
export interface ContractValues {
${types.map((t) => `  readonly ${propertyKey(t.name)}: ${t.name};\n`).join("")}}

${docComment(["Codes in the detail of a fault that say more than that the request is refused."], at("faultCodes"))}export const faultCodes: Readonly<Record<string, "not-found">> = {
${faultCodes.map((f) => `${docComment([f.use], undefined, "  ")}  ${propertyKey(f.code)}: ${quote(f.means)},\n`).join("")}};

${docComment(["Events of the registries by their source. A reader takes others as well."], at("events"))}export const registryEvents = {
${events.map((e) => `  ${propertyKey(e.source)}: [${e.names.map(quote).join(", ")}],\n`).join("")}} as const;

/** A registry that sends events. */
export type RegistryEventSource = keyof typeof registryEvents;
`;
}

function operation(o: Operation): string {
  const parts = [
    `parameters: [${o.parameters.map(member).join(", ")}]`,
    ...(o.answer === undefined ? [] : [`answer: ${quote(o.answer)}`]),
    ...(o.list ? ["list: true"] : []),
    ...(o.changes ? ["changes: true"] : []),
  ];
  return `${docComment(
    o.inferred.map((i) => `Inferred: ${i}.`),
    undefined,
    "      ",
  )}      ${propertyKey(o.name)}: { ${parts.join(", ")} },\n`;
}

function member(m: Member): string {
  return `{ name: ${quote(m.name)}, type: ${quote(m.type)}${m.list ? ", list: true" : ""} }`;
}

function table(t: ContractType): string {
  return `  ${propertyKey(t.name)}: {
    namespace: ${quote(t.namespace)},
${t.base === undefined ? "" : `    base: ${quote(t.base)},\n`}    members: [
${t.members.map((m) => `      ${member(m)},\n`).join("")}    ],
  },
`;
}

function interfaceOf(t: ContractType, source: string): string {
  const notes = [
    `Data contract ${t.name} of ${t.namespace}.`,
    ...(t.notRead.length > 0 ? [`Members that are not read: ${t.notRead.join(", ")}.`] : []),
    ...t.inferred.map((i) => `Inferred: ${i}.`),
  ];
  const lines = t.members.map((m) => {
    const type = simpleTypes[m.type] ?? m.type;
    return `  readonly ${propertyKey(m.name)}?: ${m.list ? `readonly ${type}[]` : type};\n`;
  });
  return `${docComment(notes, source)}export interface ${t.name}${t.base === undefined ? "" : ` extends ${t.base}`} {\n${lines.join("")}}\n`;
}
