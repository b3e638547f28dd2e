import { apis } from "@helsekontakt/rest-client";
import type { HelsekontaktConfig } from "../config.ts";
import { faultFinding } from "./fault-finding.ts";
import { type Check, type Finding, fault, ok } from "./types.ts";

/** The scope of each interface: the configuration's, else its document's. */
export function scopesOf(
  config: HelsekontaktConfig,
): Readonly<Record<"aktivsjekken" | "helsekontakter" | "cppa" | "parties", string>> {
  return {
    aktivsjekken: config.rest?.scopes?.aktivsjekken ?? apis.aktivsjekken.securitySchemes.helseid.scopes[0],
    helsekontakter: config.rest?.scopes?.helsekontakter ?? apis.helsekontakter.securitySchemes.helseid.scopes[0],
    cppa: apis.cppa.securitySchemes.helseidDpop.scopes[0],
    parties: apis.communicationParty.securitySchemes.helseid.scopes[0],
  };
}

/** What HelseID's refusals most often mean. */
const hints: Readonly<Record<string, string>> = {
  invalid_client:
    "the key or its kid is not the one registered for this client id in Selvbetjening, or the clock is off",
  invalid_scope: "add the scope to the client in Selvbetjening, or set its name in rest.scopes",
  unauthorized_client: "the client may not use this grant: see its settings in Selvbetjening",
};

/** A token for one interface, with what was granted and refused. */
export function tokenCheck(name: string, scope: string): Check {
  return {
    id: `token.${name}`,
    title: `token for ${name}`,
    needs: ["helseid"],
    async run({ tokens }, signal) {
      try {
        const token = await tokens().getToken({ scopes: [scope], acceptNarrowerScope: true, signal });
        const found: Finding[] = [];
        if (token.scopes.length > 0) found.push(ok(`${token.tokenType} token with ${token.scopes.join(" ")}`));
        if (token.rejectedScopes.length > 0 || !token.scopes.includes(scope))
          found.push(
            fault(
              `expected scope ${scope}, found it refused`,
              "the organisation has not signed the interface's terms, or the client lacks the scope",
            ),
          );
        return found;
      } catch (error) {
        const finding = faultFinding(error, "expected a token, found none", "see HelseID's log in Selvbetjening");
        const remote = (error as { readonly remoteCode?: string }).remoteCode ?? "";
        return [{ ...finding, hint: hints[remote] ?? finding.hint ?? "" }];
      }
    },
  };
}
