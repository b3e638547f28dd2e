import type { Refusal } from "./assertion.ts";
import type { RegisteredClient } from "./clients.ts";

/** For whom a token is. */
export interface Represented {
  readonly parent: string;
  readonly child?: string;
  readonly supplier?: string;
  readonly sfmJournalId?: string;
}

const singleSystem = "urn:oid:2.16.578.1.12.4.1.4.101";
const multiSystem = "urn:oid:1.0.6523";

/**
 * Reads `assertion_details`: whom the client stands for, by the rules of its tenancy.
 *
 * @see HelseID functional requirement FK5
 */
export function representedBy(client: RegisteredClient, details: unknown): Refusal | Represented {
  const entries = details === undefined ? [] : Array.isArray(details) ? details : [details];
  let named: Refusal | Represented | undefined;
  let sfmJournalId: string | undefined;
  for (const entry of entries as Record<string, unknown>[]) {
    if (typeof entry !== "object" || entry === null || typeof entry["type"] !== "string")
      return { error: "invalid_request", description: "HID-1007: assertion_details is malformed" };
    if (entry["type"] === "helseid_authorization") {
      if (named !== undefined) return { error: "invalid_request", description: "HID-1007: two organisations given" };
      named = organisation(client, entry);
    } else if (entry["type"] === "nhn:sfm:journal-id") {
      const id = (entry["value"] as { journal_id?: unknown } | undefined)?.journal_id;
      if (typeof id !== "string" || id === "")
        return { error: "invalid_request", description: "HID-1007: journal_id expected" };
      sfmJournalId = id;
    }
  }
  const found = named ?? own(client);
  return "error" in found || sfmJournalId === undefined ? found : { ...found, sfmJournalId };
}

/** A multi-tenant client that names nobody gets a token without organisation, which the API then refuses. */
function own(client: RegisteredClient): Represented {
  return client.tenancy === "multi"
    ? { parent: "", supplier: client.organisationNumber }
    : { parent: client.organisationNumber };
}

function organisation(client: RegisteredClient, entry: Record<string, unknown>): Refusal | Represented {
  const role = entry["practitioner_role"] as { organization?: { identifier?: Record<string, unknown> } } | undefined;
  const { system, type, value } = role?.organization?.identifier ?? {};
  if (type !== "ENH" || typeof value !== "string")
    return { error: "invalid_request", description: "HID-1004: identifier is malformed" };
  if (client.tenancy === "multi") {
    if (system !== multiSystem)
      return { error: "invalid_request", description: "a multi-tenant client must use the multi-tenant form" };
    const match = /^NO:ORGNR:(\d{9})(?::(\d{9})?)?$/.exec(value);
    const [, parent = "", child] = match ?? [];
    if (match === null) return { error: "invalid_request", description: "HID-1004: organisation number is malformed" };
    if (!(client.delegations ?? []).includes(parent))
      return { error: "invalid_request", description: "HID-1001: parent is not on the client's whitelist" };
    return { parent, supplier: client.organisationNumber, ...(child === undefined ? {} : { child }) };
  }
  if (system !== singleSystem)
    return { error: "invalid_request", description: "HID-1005: the client may not pass a parent organisation" };
  if (!/^\d{9}$/.test(value))
    return { error: "invalid_request", description: "HID-1004: organisation number is malformed" };
  if (!(client.children ?? []).includes(value))
    return { error: "invalid_request", description: "HID-1002: child is not on the client's whitelist" };
  return { parent: client.organisationNumber, child: value };
}
