import { type ApiServer, apis } from "@helsekontakt/rest-client";

/**
 * Helsenorge's environments. `LOCAL` is the sandbox: every address comes from the configuration.
 *
 * @see reference of Helsenorge's test environments; HelseID's discovery documents
 */
export type EnvironmentName = "LOCAL" | "MAS-01" | "MAS-02" | "TEST1" | "TEST2" | "PROD";

/** What is known of one environment. */
export interface EnvironmentPreset {
  /** Base of Helsenorge's external API (EksternAPI). */
  readonly restBaseUrl?: string;
  /** HelseID's issuer. */
  readonly helseidIssuer?: string;
  /** Base of the collaboration registry's REST API, with DPoP; ends in a slash. */
  readonly cppaBaseUrl?: string;
  /** Communication parties (address registry). */
  readonly communicationPartyBaseUrl?: string;
  /** Host and port of NHN's broker. */
  readonly amqpHost?: string;
  /** Exchange ("namespace") on the broker; case-sensitive, and documents disagree on its spelling: always configurable. */
  readonly amqpNamespace?: string;
  /** True where real persons live. */
  readonly production: boolean;
  /** Settings of this preset that nobody at NHN has confirmed. */
  readonly inferred: readonly string[];
}

/** The address that specs/openapi names for an environment. */
function server(servers: readonly ApiServer[], environment: string, security?: string): { readonly url?: string } {
  const found = servers.find(
    (s) => s.environment === environment && (security === undefined || s.security === security),
  );
  return found === undefined ? {} : { url: found.url };
}

function rest(environment: string): { readonly restBaseUrl?: string } {
  const { url } = server(apis.aktivsjekken.servers, environment);
  return url === undefined ? {} : { restBaseUrl: url };
}

function registries(environment: string): {
  readonly cppaBaseUrl?: string;
  readonly communicationPartyBaseUrl?: string;
} {
  const cppa = server(apis.cppa.servers, environment, "helseidDpop").url;
  const parties = server(apis.communicationParty.servers, environment).url;
  return {
    ...(cppa === undefined ? {} : { cppaBaseUrl: cppa }),
    ...(parties === undefined ? {} : { communicationPartyBaseUrl: parties }),
  };
}

const test = {
  helseidIssuer: "https://helseid-sts.test.nhn.no",
  ...registries("TEST"),
  amqpHost: "tb.test.nhn.no:5671",
  amqpNamespace: "NHNTESTServiceBus",
  production: false,
} as const;

/** The typed presets. */
export const environments: Readonly<Record<EnvironmentName, EnvironmentPreset>> = {
  LOCAL: { production: false, inferred: [] },
  "MAS-01": {
    ...test,
    ...rest("MAS-01"),
    inferred: ["helseidIssuer", "cppaBaseUrl", "communicationPartyBaseUrl", "amqpHost", "amqpNamespace"],
  },
  "MAS-02": {
    ...test,
    ...rest("MAS-02"),
    inferred: ["helseidIssuer", "cppaBaseUrl", "communicationPartyBaseUrl", "amqpHost", "amqpNamespace"],
  },
  TEST1: { ...test, ...rest("TEST1"), inferred: ["communicationPartyBaseUrl", "amqpNamespace"] },
  TEST2: { ...test, ...rest("TEST2"), inferred: ["communicationPartyBaseUrl", "amqpNamespace"] },
  PROD: {
    ...rest("PROD"),
    helseidIssuer: "https://helseid-sts.nhn.no",
    ...registries("PROD"),
    amqpHost: "tb.nhn.no:5671",
    amqpNamespace: "NHNPRODServiceBus",
    production: true,
    inferred: ["communicationPartyBaseUrl", "amqpNamespace"],
  },
};
