import type { Issue } from "@helsekontakt/core";
import type { v11 } from "@helsekontakt/types/apprec";
import { dataChecks } from "../gen/rules/checks.ts";
import { isHerId } from "../identifiers/organisation.ts";
import { checkCodes } from "./codes.ts";
import { type Incomplete, issueAdder } from "./context.ts";
import { runDataChecks } from "./data-check.ts";

/** MIGversion of each version of the receipt, by namespace. */
const versions: ReadonlyMap<string, string> = new Map([
  ["http://www.kith.no/xmlstds/apprec/2012-02-15", "v1.1 2012-02-15"],
  ["http://www.kith.no/xmlstds/apprec/2004-11-21", "1.0 2004-11-21"],
]);

/**
 * Rules about an application receipt that its schema does not have. They only warn: a receipt has to be taken as it comes.
 *
 * @param ns - namespace of the root, which tells the version.
 * @see HIS 80415:2012 Applikasjonskvittering v1.1
 */
export function checkAppRec(receipt: Incomplete<v11.AppRec>, ns: string): Issue[] {
  const issues: Issue[] = [];
  const context = { add: issueAdder(issues) };
  runDataChecks(context, dataChecks, { on: "AppRec", function: "APPREC" }, receipt, "/AppRec");
  const version = versions.get(ns);
  if (version !== undefined && receipt.MIGversion !== undefined && receipt.MIGversion.trim() !== version)
    context.add("profile/apprec-version", "/AppRec/MIGversion", `expected ${version}, found other text`);
  const status = receipt.Status?.$V?.trim();
  const errors = receipt.Error?.length ?? 0;
  if (status === "2" && errors === 0)
    context.add("profile/apprec-error-missing", "/AppRec", "expected an Error in a receipt that rejects, found none");
  if (status === "1" && errors > 0)
    context.add(
      "profile/apprec-error-unexpected",
      "/AppRec/Error[1]",
      "expected no Error in a receipt that accepts, found one",
    );
  for (const side of ["Sender", "Receiver"] as const) {
    const inst = receipt[side]?.HCP?.Inst;
    const levels: readonly (readonly [
      (
        | { readonly Id?: string | undefined; readonly TypeId?: { readonly $V?: string | undefined } | undefined }
        | undefined
      ),
      string,
    ])[] = [
      [inst, `/AppRec/${side}/HCP/Inst`],
      [inst?.Dept?.[0], `/AppRec/${side}/HCP/Inst/Dept[1]`],
    ];
    for (const [level, path] of levels)
      if (level?.TypeId?.$V?.trim() === "HER" && !isHerId(level.Id?.trim() ?? ""))
        context.add("profile/apprec-her-id", `${path}/Id`, "expected a HER-id, a plain number, found other text");
  }
  checkCodes(context, receipt, "/AppRec");
  return issues;
}
