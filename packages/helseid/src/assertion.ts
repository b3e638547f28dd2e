import * as oauth from "oauth4webapi";
import type { Signer } from "./key.ts";
import type { AssertionDetail, Organisation, TokenRequest } from "./options.ts";
import { checkOrganisation } from "./organisation.ts";

/**
 * The value of the claim `assertion_details`: one object when there is one entry, a list when there are several,
 * undefined when there is none.
 *
 * @throws {HelsekontaktError} `input/invalid` for an organisation number that is not nine digits
 * @see HelseID functional requirement FK5
 */
export function assertionDetails(
  request: Pick<TokenRequest, "organisation" | "sfmJournalId" | "details">,
): AssertionDetail | readonly AssertionDetail[] | undefined {
  const entries: AssertionDetail[] = [];
  if (request.organisation !== undefined) entries.push(organisationDetail(request.organisation));
  if (request.sfmJournalId !== undefined)
    entries.push({ type: "nhn:sfm:journal-id", value: { journal_id: request.sfmJournalId } });
  entries.push(...(request.details ?? []));
  return entries.length > 1 ? entries : entries[0];
}

function organisationDetail(organisation: Organisation): AssertionDetail {
  checkOrganisation(organisation);
  const identifier =
    organisation.tenancy === "single"
      ? { system: "urn:oid:2.16.578.1.12.4.1.4.101", type: "ENH", value: organisation.child }
      : {
          system: "urn:oid:1.0.6523",
          type: "ENH",
          // The colon after the parent stays when there is no child, as NHN's own library writes it.
          value: `NO:ORGNR:${organisation.parent}:${organisation.child ?? ""}`,
        };
  return { type: "helseid_authorization", practitioner_role: { organization: { identifier } } };
}

interface AssertionSettings {
  readonly signer: Signer;
  readonly details: ReturnType<typeof assertionDetails>;
  /** Seconds from now to expiry, at most 60. */
  readonly seconds: number;
  /** Seconds since 1970, corrected by what the service's clock said. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/**
 * Client authentication by `private_key_jwt` as HelseID wants it: header `typ` `client-authentication+jwt`, `aud` the
 * issuer as in its metadata, a life of at most a minute. Each call makes a new assertion.
 *
 * @see RFC 7523 section 3
 */
export function clientAuthentication(settings: AssertionSettings): oauth.ClientAuth {
  const change = (header: Record<string, unknown>, payload: Record<string, unknown>): void => {
    header["typ"] = "client-authentication+jwt";
    const now = settings.now();
    payload["iat"] = now;
    payload["nbf"] = now;
    payload["exp"] = now + settings.seconds;
    if (settings.details !== undefined) payload["assertion_details"] = settings.details;
  };
  const { signer } = settings;
  if ("cryptoKey" in signer)
    return oauth.PrivateKeyJwt({ key: signer.cryptoKey, kid: signer.kid }, { [oauth.modifyAssertion]: change });
  return async (as, client, body) => {
    const { signedByCallback } = await import("./callback-assertion.ts");
    body.set("client_id", client.client_id);
    body.set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    const assertion = await signedByCallback(signer, settings.signal, change, as.issuer, client.client_id);
    body.set("client_assertion", assertion);
  };
}
