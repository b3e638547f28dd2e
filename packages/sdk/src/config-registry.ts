import type { PartyRegistryOptions } from "@helsekontakt/amqp-messaging";
import type { SoapClientOptions } from "@helsekontakt/amqp-messaging/registries";
import type { ConfigFault } from "./config.ts";

/** The two registries of NHN. */
export interface RegistryConfig extends Pick<PartyRegistryOptions, "cache" | "checks" | "dummies"> {
  /** Collaboration registry (CPPA), with or without a trailing slash. Default: the environment's. */
  readonly cppaBaseUrl?: string;
  /** Communication parties (address registry, REST). */
  readonly communicationPartyBaseUrl?: string;
  /** Which interface of the address registry is asked. `soap` also has certificates of parties without a profile. Default `rest`. */
  readonly addressRegistry?: "rest" | "soap";
  /**
   * Which interface of the collaboration registry is asked. `soap` is the older one, with NHN's "OrgUsr" login in place of
   * HelseID; NHN means to take it away. Default `rest`.
   */
  readonly collaborationRegistry?: "rest" | "soap";
  /** The SOAP services, with NHN's "OrgUsr" login. */
  readonly soap?: SoapRegistryConfig;
  /** Message functions for which nobody is asked for an agreement or profile. */
  readonly functionsWithoutProfile?: readonly string[];
  /** Follows the registries' events, so that changes are heard of at once; needs `soap`. */
  readonly events?: {
    /** Names this process, unlike any other of the same user. */
    readonly userSystemIdent: string;
  };
}

/** How the SOAP services are reached. */
export interface SoapRegistryConfig {
  /** Whole address of the address registry. Default: the environment's. ServiceBusManager is taken from the same host. */
  readonly url?: string;
  /** Whole address of the collaboration registry, asked when `collaborationRegistry` is `soap`. Default: the environment's. */
  readonly cppaUrl?: string;
  /** Default `basic`; each binding has an address of its own. */
  readonly binding?: SoapClientOptions["binding"];
  readonly username: string;
  readonly password: string | (() => string | Promise<string>);
}

/** Faults of the registries' settings; values are never part of what is said. */
export function findRegistryFaults(
  registry: RegistryConfig | undefined,
  options: {
    readonly soapUrl: string | undefined;
    readonly soapCppaUrl: string | undefined;
    readonly schemes: readonly string[];
  },
): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const need = (ok: boolean, path: string, expected: string, hint: string): void => {
    if (!ok) faults.push({ path: `registry.${path}`, expected, hint });
  };
  const url = (value: unknown, path: string): void =>
    need(
      value === undefined ||
        (typeof value === "string" && options.schemes.some((s) => value.startsWith(`${s}://`)) && URL.canParse(value)),
      path,
      `a URL with ${options.schemes.join(" or ")}`,
      "check for blanks and a missing scheme",
    );
  const oneOf = (value: unknown, path: string, allowed: readonly string[]): void =>
    need(
      value === undefined || (typeof value === "string" && allowed.includes(value)),
      path,
      allowed.join(" or "),
      `${allowed[0]} is the default`,
    );
  const { soap, events, cache, functionsWithoutProfile: functions } = registry ?? {};
  url(registry?.cppaBaseUrl, "cppaBaseUrl");
  url(registry?.communicationPartyBaseUrl, "communicationPartyBaseUrl");
  url(soap?.url, "soap.url");
  url(soap?.cppaUrl, "soap.cppaUrl");
  oneOf(registry?.addressRegistry, "addressRegistry", ["rest", "soap"]);
  oneOf(registry?.collaborationRegistry, "collaborationRegistry", ["rest", "soap"]);
  oneOf(registry?.checks, "checks", ["strict", "lenient"]);
  oneOf(registry?.dummies, "dummies", ["allow", "refuse"]);
  oneOf(soap?.binding, "soap.binding", ["basic", "wsHttp"]);
  need(
    functions === undefined || (Array.isArray(functions) && functions.every((f) => typeof f === "string" && f !== "")),
    "functionsWithoutProfile",
    "a list of message functions",
    "codes of list 8279",
  );
  const byCppa = registry?.collaborationRegistry === "soap";
  const byAddress = registry?.addressRegistry === "soap" || events !== undefined;
  if (byAddress || byCppa || soap !== undefined) {
    need(
      typeof soap?.username === "string" && soap.username !== "",
      "soap.username",
      "the OrgUsr's name",
      "NHN gives it",
    );
    need(
      typeof soap?.password === "function" || (typeof soap?.password === "string" && soap.password !== ""),
      "soap.password",
      "a password, or a function that gives it",
      "NHN gives it",
    );
    need(
      !byCppa || (soap?.cppaUrl ?? options.soapCppaUrl) !== undefined,
      "soap.cppaUrl",
      "the address of the collaboration registry",
      "it is not known for this environment",
    );
    need(
      (byCppa && !byAddress) || (soap?.url ?? options.soapUrl) !== undefined,
      "soap.url",
      "the address of the address registry",
      "it is not known for this environment",
    );
  }
  if (events !== undefined)
    need(
      typeof events.userSystemIdent === "string" && /^[\w.-]{1,50}$/u.test(events.userSystemIdent),
      "events.userSystemIdent",
      "a short name of letters and digits",
      "each process needs one of its own",
    );
  for (const [name, value] of Object.entries(cache ?? {}))
    need(
      value === undefined || (Number.isInteger(value) && value >= 0),
      `cache.${/^[a-zA-Z]{1,20}$/u.test(name) ? name : "(other)"}`,
      "a whole number",
      "leave it out for its default",
    );
  return faults;
}
