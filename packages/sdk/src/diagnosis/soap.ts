import { createSoapAddressRegistry } from "@helsekontakt/amqp-messaging/registries";
import { addressRegistryUrl, soapOptions } from "../messaging/party-registry.ts";
import { faultFinding } from "./fault-finding.ts";
import { type Check, ok } from "./types.ts";

/** The registries' SOAP services take the login. */
export const soapCheck: Check = {
  id: "registry.soap",
  title: "login at the registries' SOAP services",
  needs: ["tls.soap"],
  async run({ config, preset }, signal) {
    const parts = {
      config: config.registry,
      soapUrl: preset.addressRegistrySoapUrl,
      network: config.rest?.network,
      retry: { tries: 1 },
    };
    const options = soapOptions(parts, addressRegistryUrl(parts));
    const answer = await createSoapAddressRegistry(options).ping({ signal });
    if (answer.kind === "refused" || answer.kind === "unavailable")
      return [faultFinding(answer.error, "expected an answer of the registry, found none", "check address and login")];
    return [ok(`the address registry answers ${config.registry?.soap?.username ?? ""}`)];
  },
};
