import { HelsekontaktError } from "@helsekontakt/core";
import { elements, v10, type v11 } from "@helsekontakt/types/apprec";
import { codeOid } from "@helsekontakt/types/codes";
import { decodeXml } from "@helsekontakt/types/xml";
import { type AppRecVersion, appRecName } from "./build-apprec.ts";
import { type AppRecFault, appRecFault } from "./fault-codes.ts";

/** `unknown`: a status that code list 8258 does not have. */
export type AppRecStatus = "accepted" | "rejected" | "accepted-with-errors" | "unknown";

/** One reason, as the receipt states it. Texts are the sender's own. */
export interface AppRecErrorView {
  readonly code: string;
  /** OID of the code list, when stated. */
  readonly system?: string;
  readonly text?: string;
  /** Meant to be shown. */
  readonly detail?: string;
  /** What is known of the code, when it is of list 8221. */
  readonly known?: AppRecFault;
}

/** HER-ids of one side; level 2 is a department or a person. */
export interface AppRecPartyView {
  readonly herId?: string;
  readonly service?: string;
}

/** What a receipt says. */
export interface AppRecView {
  readonly version: AppRecVersion;
  readonly id: string;
  readonly genDate: string;
  readonly status: AppRecStatus;
  readonly statusCode: string;
  readonly errors: readonly AppRecErrorView[];
  readonly original: { readonly msgType: string; readonly issueDate: string; readonly id: string };
  readonly sender: AppRecPartyView;
  readonly receiver: AppRecPartyView;
}

const statuses: Readonly<Record<string, AppRecStatus>> = {
  "1": "accepted",
  "2": "rejected",
  "3": "accepted-with-errors",
};

/**
 * Reads a receipt of either version, tolerantly: order, missing parts and unknown values do not stop it. Only the id of
 * the message that it answers is indispensable.
 *
 * @throws {HelsekontaktError} `receipt/invalid`; the codes of the XML reader
 */
export function readAppRec(bytes: Uint8Array): AppRecView {
  const decoded = decodeXml(bytes, { registry: elements, mode: "tolerant" });
  return appRecView(decoded.name, decoded.value as v11.AppRec);
}

/**
 * The view of a receipt that is decoded already.
 *
 * @param name - root element in Clark form.
 * @throws {HelsekontaktError} `receipt/invalid`
 */
export function appRecView(name: string, appRec: v11.AppRec): AppRecView {
  const original = part(appRec, "OriginalMsgId");
  if (original?.Id === undefined || original.Id.trim() === "")
    throw new HelsekontaktError("receipt/invalid", "expected OriginalMsgId/Id in the receipt, found none");
  const status = part(appRec, "Status")?.$V ?? "";
  return {
    version: name === appRecName(v10.AppRec) ? "1.0" : "1.1",
    id: appRec.Id ?? "",
    genDate: appRec.GenDate ?? "",
    status: statuses[status] ?? "unknown",
    statusCode: status,
    errors: (appRec.Error ?? []).map(errorView),
    original: { msgType: original.MsgType?.$V ?? "", issueDate: original.IssueDate ?? "", id: original.Id.trim() },
    sender: party(part(appRec, "Sender")?.HCP),
    receiver: party(part(appRec, "Receiver")?.HCP),
  };
}

/** In the tolerant mode required parts may be absent, whatever the type says. */
function part<K extends keyof v11.AppRec>(appRec: v11.AppRec, key: K): v11.AppRec[K] | undefined {
  return appRec[key];
}

interface Identified {
  readonly Id?: string;
  readonly TypeId?: { readonly $V?: string };
  readonly AdditionalId?: readonly { readonly Id?: string; readonly Type?: { readonly $V?: string } }[];
}

function party(hcp: v11.HCP | undefined): AppRecPartyView {
  const inst = hcp?.Inst;
  const herId = her(inst ?? hcp?.HCProf);
  const service = [...(inst?.Dept ?? []), ...(inst?.HCPerson ?? [])].map(her).find((id) => id !== undefined);
  return { ...(herId === undefined ? {} : { herId }), ...(service === undefined ? {} : { service }) };
}

function her(of: Identified | undefined): string | undefined {
  if (of?.TypeId?.$V === "HER" && of.Id !== undefined) return of.Id.trim();
  return of?.AdditionalId?.find((a) => a.Type?.$V === "HER")?.Id?.trim();
}

function errorView(error: {
  readonly $V?: string;
  readonly $S?: string;
  readonly $DN?: string;
  readonly $OT?: string;
}): AppRecErrorView {
  const { $V: code = "", $S: system, $DN: text, $OT: detail } = error;
  // A code of another list may look like one of this.
  const known = system === undefined || system === codeOid("8221") ? appRecFault(code) : undefined;
  return {
    code,
    ...(system === undefined ? {} : { system }),
    ...(text === undefined ? {} : { text }),
    ...(detail === undefined ? {} : { detail }),
    ...(known === undefined ? {} : { known }),
  };
}
