/**
 * Helsenorge's environments. `LOCAL` is the sandbox: every address comes from the configuration.
 *
 * @see reference of Helsenorge's test environments; HelseID's discovery documents
 */
export type EnvironmentName = "LOCAL" | "MAS-01" | "MAS-02" | "TEST1" | "TEST2" | "PROD";

export interface EnvironmentPreset {
  /** Base of Helsenorge's external API (EksternAPI). */
  readonly restBaseUrl?: string;
  /** HelseID's issuer. */
  readonly helseidIssuer?: string;
  /** Base of the collaboration registry's REST API, with DPoP; ends in a slash. */
  readonly cppaBaseUrl?: string;
  /** Host and port of NHN's broker. */
  readonly amqpHost?: string;
  /** Exchange ("namespace") on the broker; case-sensitive, and documents disagree on its spelling: always configurable. */
  readonly amqpNamespace?: string;
  /** True where real persons live. */
  readonly production: boolean;
  /** Settings of this preset that nobody at NHN has confirmed. */
  readonly inferred: readonly string[];
}

const test = {
  helseidIssuer: "https://helseid-sts.test.nhn.no",
  cppaBaseUrl: "https://cppa.test.grunndata.nhn.no/v2/",
  amqpHost: "tb.test.nhn.no:5671",
  amqpNamespace: "NHNTESTServiceBus",
  production: false,
} as const;

export const environments: Readonly<Record<EnvironmentName, EnvironmentPreset>> = {
  LOCAL: { production: false, inferred: [] },
  "MAS-01": { ...test, restBaseUrl: "https://eksternapi-hn-mas-01.int-hn.nhn.no", inferred: ["helseidIssuer", "cppaBaseUrl", "amqpHost", "amqpNamespace"] },
  "MAS-02": { ...test, restBaseUrl: "https://eksternapi-hn-mas-02.int-hn.nhn.no", inferred: ["helseidIssuer", "cppaBaseUrl", "amqpHost", "amqpNamespace"] },
  TEST1: { ...test, restBaseUrl: "https://eksternapi.hn.test.nhn.no", inferred: ["amqpNamespace"] },
  TEST2: { ...test, restBaseUrl: "https://eksternapi.hn2.test.nhn.no", inferred: ["amqpNamespace"] },
  PROD: {
    restBaseUrl: "https://eksternapi.helsenorge.no",
    helseidIssuer: "https://helseid-sts.nhn.no",
    cppaBaseUrl: "https://cppa.grunndata.nhn.no/v2/",
    amqpHost: "tb.nhn.no:5671",
    amqpNamespace: "NHNPRODServiceBus",
    production: true,
    inferred: ["amqpNamespace"],
  },
};
