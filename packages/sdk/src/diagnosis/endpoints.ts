import { parseAmqpUrl } from "@helsekontakt/amqp-messaging";
import type { HelsekontaktConfig } from "../config.ts";
import type { EnvironmentPreset } from "../environments.ts";
import type { Endpoint } from "./types.ts";

/** Where the services are: the configuration's addresses, else the environment's. */
export interface Addresses {
  readonly helseid: string | undefined;
  readonly rest: string | undefined;
  readonly cppa: string | undefined;
  readonly parties: string | undefined;
  /** Only where a login for it is configured. */
  readonly soap: string | undefined;
  /** Only where the collaboration registry is asked there. */
  readonly soapCppa: string | undefined;
}

export function addressesOf(config: HelsekontaktConfig, preset: EnvironmentPreset): Addresses {
  const { registry } = config;
  const cppaBySoap = registry?.collaborationRegistry === "soap";
  const partiesBySoap = registry?.addressRegistry === "soap";
  return {
    helseid: config.helseid?.issuer ?? preset.helseidIssuer,
    rest: config.rest?.baseUrl ?? preset.restBaseUrl,
    cppa: cppaBySoap ? undefined : (registry?.cppaBaseUrl ?? preset.cppaBaseUrl),
    parties: partiesBySoap ? undefined : (registry?.communicationPartyBaseUrl ?? preset.communicationPartyBaseUrl),
    soapCppa: cppaBySoap ? (registry?.soap?.cppaUrl ?? preset.collaborationRegistrySoapUrl) : undefined,
    soap: config.registry?.soap === undefined ? undefined : (config.registry.soap.url ?? preset.addressRegistrySoapUrl),
  };
}

/** Every host that the configuration leads to. */
export function endpointsOf(config: HelsekontaktConfig, preset: EnvironmentPreset): Endpoint[] {
  const found: Endpoint[] = [];
  for (const [name, address] of Object.entries(addressesOf(config, preset))) {
    if (address === undefined) continue;
    const url = new URL(address);
    const tls = url.protocol === "https:";
    found.push({ name, host: bare(url.hostname), port: Number(url.port) || (tls ? 443 : 80), tls });
  }
  const broker = brokerOf(config, preset);
  if (broker !== undefined) found.push({ name: "amqp", ...broker });
  return found;
}

/** Only where messages are set up: nobody needs the broker for REST alone. */
function brokerOf(config: HelsekontaktConfig, preset: EnvironmentPreset): Omit<Endpoint, "name"> | undefined {
  if (config.amqp === undefined) return undefined;
  if (config.amqp.url !== undefined) {
    const { host, port, transport } = parseAmqpUrl(config.amqp.url);
    return { host: bare(host), port, tls: transport === "tls" };
  }
  const [host, port = "5671"] = (preset.amqpHost ?? "").split(":");
  return host === undefined || host === "" ? undefined : { host, port: Number(port), tls: true };
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, "");
}
