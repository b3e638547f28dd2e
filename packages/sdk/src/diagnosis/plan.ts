import type { HelsekontaktConfig } from "../config.ts";
import type { EnvironmentPreset } from "../environments.ts";
import { loginCheck, queuesCheck } from "./broker.ts";
import { ownCertificatesCheck, registeredCertificatesCheck } from "./certificates.ts";
import { helseidCheck } from "./clock.ts";
import { addressesOf, endpointsOf } from "./endpoints.ts";
import { journalCheck } from "./journal.ts";
import { dnsCheck, tlsCheck } from "./network.ts";
import { createLookups, registryCheck } from "./registries.ts";
import { aktivsjekkenCheck, helsekontakterCheck } from "./rest.ts";
import { soapCheck } from "./soap.ts";
import { scopesOf, tokenCheck } from "./tokens.ts";
import type { Check, DiagnoseOptions } from "./types.ts";

/** Every check, in an order in which what one needs stands before it. */
export function checksFor(
  config: HelsekontaktConfig,
  preset: EnvironmentPreset,
  options: Pick<DiagnoseOptions, "openJournal">,
): readonly Check[] {
  const addresses = addressesOf(config, preset);
  const scopes = scopesOf(config);
  const lookups = createLookups(addresses, scopes, config.registry);
  const endpoints = endpointsOf(config, preset);
  const reached = (name: string): boolean => endpoints.some((e) => e.name === name);
  const unless = (there: unknown, setting: string, check: Check): Check =>
    there === undefined || there === false ? { ...check, missing: `${setting} is not configured` } : check;
  const helseid = config.helseid;
  const registries = lookups.possible;
  // No token is asked for where an interface with another login is chosen.
  const withToken = (["aktivsjekken", "helsekontakter", "cppa", "parties"] as const).filter(
    (name) =>
      !(name === "cppa" && config.registry?.collaborationRegistry === "soap") &&
      !(name === "parties" && config.registry?.addressRegistry === "soap"),
  );
  const named = config.amqp?.queues?.async !== undefined && config.amqp.queues.error !== undefined;
  return [
    ...endpoints.map(dnsCheck),
    ...endpoints.map(tlsCheck),
    unless(addresses.helseid, "helseid.issuer", helseidCheck(addresses.helseid ?? "")),
    ...withToken.map((name) => unless(helseid, "helseid", tokenCheck(name, scopes[name]))),
    unless(addresses.rest, "rest.baseUrl", aktivsjekkenCheck(addresses.rest ?? "", scopes.aktivsjekken)),
    unless(addresses.rest, "rest.baseUrl", helsekontakterCheck(addresses.rest ?? "", scopes.helsekontakter)),
    ...(config.registry?.soap === undefined || addresses.soap === undefined ? [] : [soapCheck]),
    unless(registries, "registry", registryCheck("own", lookups)),
    unless(registries, "registry", registryCheck("helsenorge", lookups)),
    unless(reached("amqp"), "amqp", loginCheck),
    unless(reached("amqp"), "amqp", queuesCheck(lookups, !named)),
    unless(config.keys, "keys", ownCertificatesCheck),
    unless(config.keys, "keys", registeredCertificatesCheck(lookups)),
    unless(config.journal ?? options.openJournal, "journal", journalCheck),
  ];
}
