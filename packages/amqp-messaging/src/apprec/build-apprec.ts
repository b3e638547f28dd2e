import { HelsekontaktError } from "@helsekontakt/core";
import { elements, v10, v11 } from "@helsekontakt/types/apprec";
import type { Code8221 } from "@helsekontakt/types/codes";
import type { HealthcareProfessional, Ident, MsgInfo, Organisation } from "@helsekontakt/types/msghead";
import { encodeXml } from "@helsekontakt/types/xml";
import { codedValue, simpleCodedValue } from "@helsekontakt/types/codes";

/** `1.1` goes with Dialogmelding 1.1 and FHIR payloads, `1.0` with Dialogmelding 1.0. */
export type AppRecVersion = "1.0" | "1.1";

/** One reason for a refusal. */
export interface AppRecErrorInput {
  /** Code list 8221. */
  readonly code: Code8221;
  /** Free text, shown to the receiver of the receipt. No personal data that the original did not hold. */
  readonly detail?: string;
}

/** The answer to a message. It is final: exactly one for each receiver and message. */
export type AppRecOutcome =
  | { readonly status: "accepted" }
  | { readonly status: "rejected"; readonly errors: readonly [AppRecErrorInput, ...AppRecErrorInput[]] }
  /** For Helfo's claims only. */
  | { readonly status: "accepted-with-errors"; readonly errors: readonly [AppRecErrorInput, ...AppRecErrorInput[]] };

/** What of the original the receipt mirrors: a MsgHead, or as much of its head as could be read. */
export interface AppRecOriginal {
  readonly MsgInfo: Pick<MsgInfo, "Type" | "GenDate" | "MsgId" | "Sender" | "Receiver">;
}

export interface AppRecOptions {
  /** UUID of the receipt. */
  readonly id: string;
  /** xs:dateTime. */
  readonly genDate: string;
  /** Default `1.1`. */
  readonly version?: AppRecVersion;
  /** `COP` when the answering party was a copy receiver. Default `PRIM`. */
  readonly role?: "PRIM" | "COP";
  readonly software?: { readonly name: string; readonly version?: string };
}

/** A receipt as an object and as bytes. */
export interface BuiltAppRec {
  /** Root element in Clark form. */
  readonly name: string;
  readonly value: v11.AppRec;
  readonly bytes: Uint8Array;
}

const versions = { "1.0": v10.AppRec, "1.1": v11.AppRec } as const;
const statusCodes = { accepted: "1", rejected: "2", "accepted-with-errors": "3" } as const;

/**
 * Builds the receipt for a message: sender and receiver of the original change places, with every identifier.
 *
 * @throws {HelsekontaktError} `input/invalid` when a refusal has no reason; `xml/not-encodable`
 * @see HIS 80415:2012 Applikasjonskvittering 1.1; AppRec 1.0 of 2004-11-21
 */
export function buildAppRec(original: AppRecOriginal, outcome: AppRecOutcome, options: AppRecOptions): BuiltAppRec {
  const table = versions[options.version ?? "1.1"];
  const errors = outcome.status === "accepted" ? [] : outcome.errors;
  if (outcome.status !== "accepted" && errors.length === 0)
    throw new HelsekontaktError(
      "input/invalid",
      `expected at least one error for the status "${outcome.status}", found none`,
    );
  const { MsgInfo: info } = original;
  // The two versions have the same elements; only namespace and version text differ.
  const value: v11.AppRec = {
    MsgType: simpleCodedValue("8279", "APPREC"),
    MIGversion: table.fields.find((f) => f.prop === "MIGversion")?.default ?? "",
    ...(options.software === undefined ? {} : { SoftwareName: options.software.name }),
    ...(options.software?.version === undefined ? {} : { SoftwareVersion: options.software.version }),
    GenDate: options.genDate,
    Id: options.id,
    Sender: { Role: simpleCodedValue("8112", options.role ?? "PRIM"), HCP: { Inst: inst(info.Receiver.Organisation) } },
    Receiver: { Role: simpleCodedValue("8112", "AVS"), HCP: { Inst: inst(info.Sender.Organisation) } },
    Status: simpleCodedValue("8258", statusCodes[outcome.status]),
    ...(errors.length === 0 ? {} : { Error: errors.map(error) }),
    OriginalMsgId: { MsgType: code(info.Type), IssueDate: info.GenDate, Id: info.MsgId },
  };
  const name = appRecName(table);
  return { name, value, bytes: encodeXml(name, value, { registry: elements }) };
}

/** @internal Name of the root element in the namespace of a table. */
export function appRecName(table: { readonly name: string }): string {
  return `${table.name.slice(0, table.name.indexOf("}") + 1)}AppRec`;
}

function error(input: AppRecErrorInput): v11.AppRec["Error"] extends (infer E)[] | undefined ? E : never {
  return { ...codedValue("8221", input.code), ...(input.detail === undefined ? {} : { $OT: input.detail }) };
}

/** Level 1 is the Inst; every organisation below it a Dept, every professional an HCPerson. */
function inst(organisation: Organisation): v11.Inst {
  const departments: v11.Dept[] = [];
  const persons: v11.HCPerson[] = [];
  const collect = (o: Organisation): void => {
    if (o.HealthcareProfessional !== undefined) persons.push(person(o.HealthcareProfessional));
    if (o.Organisation === undefined) return;
    departments.push({ ...name(o.Organisation.OrganisationName), ...identifiers(o.Organisation.Ident) });
    collect(o.Organisation);
  };
  collect(organisation);
  return {
    ...name(organisation.OrganisationName),
    ...identifiers(organisation.Ident),
    ...(departments.length === 0 ? {} : { Dept: departments }),
    ...(persons.length === 0 ? {} : { HCPerson: persons }),
  };
}

function person(professional: HealthcareProfessional): v11.HCPerson {
  const { GivenName, MiddleName, FamilyName } = professional;
  const full = [GivenName, MiddleName, FamilyName].filter((n) => n !== undefined && n !== "").join(" ");
  return { ...name(full), ...identifiers(professional.Ident) };
}

function name(text: string | undefined): { Name?: string } {
  return text === undefined || text === "" ? {} : { Name: text };
}

function identifiers(idents: readonly Ident[] | undefined): Pick<v11.Inst, "Id" | "TypeId" | "AdditionalId"> {
  const [first, ...others] = idents ?? [];
  return {
    ...(first === undefined ? {} : { Id: first.Id, TypeId: code(first.TypeId) }),
    ...(others.length === 0 ? {} : { AdditionalId: others.map((i) => ({ Id: i.Id, Type: code(i.TypeId) })) }),
  };
}

/** V and DN only: an S here is against the schema, unlike in MsgHead. */
function code(value: { readonly $V?: string; readonly $DN?: string }): { $V?: string; $DN?: string } {
  return {
    ...(value.$V === undefined ? {} : { $V: value.$V }),
    ...(value.$DN === undefined ? {} : { $DN: value.$DN }),
  };
}
