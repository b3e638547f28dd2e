import { apis, describeWire } from "@helsekontakt/rest-client";
import { checkConfig, type HelsekontaktConfig } from "./config.ts";
import { type EnvironmentPreset, environmentSources, type PresetSetting } from "./environments.ts";

/** One effective setting: what applies, where it comes from, how far it is known. */
export interface EffectiveSetting {
  /** Dotted path in the configuration. */
  readonly path: string;
  /** What applies. Undefined: nothing does, or it is secret. */
  readonly value: string | number | boolean | undefined;
  /** True for keys and passwords: set, but never shown. */
  readonly secret: boolean;
  /** `configuration`: given. `preset`: the environment's. `spec`: a document's default. `default`: the SDK's. `none`: not set. */
  readonly origin: "configuration" | "preset" | "spec" | "default" | "none";
  /** A given value is the user's own. Of the others, `inferred` means that nobody at NHN has confirmed it. */
  readonly mark: "configured" | "confirmed" | "inferred" | "ours" | "none";
  /** Why it is only inferred, or what absence means. */
  readonly reason?: string;
  /** The document that states it. */
  readonly source?: string;
}

const defaults = {
  timeoutMs: 15_000,
  concurrency: 5,
  receiptDeadlineMs: 96 * 3_600_000,
  leaseMs: 30_000,
} as const;

/**
 * Every setting that applies, for people to see: values of the configuration, of the environment's preset, of documents
 * and defaults. Secrets are named and never shown.
 *
 * @throws {HelsekontaktError} `config/invalid`
 */
export function describeConfig(config: HelsekontaktConfig): EffectiveSetting[] {
  const preset = checkConfig(config);
  const { organisation, helsenorge, helseid, rest, registry, amqp, keys } = config;
  const { preset: fromPreset } = helpers(config, preset);
  const spec = apis;
  return [
    given("environment", config.environment),
    given("organisation.herId", organisation.herId),
    given("organisation.name", organisation.name),
    given("organisation.organisationNumber", organisation.organisationNumber),
    ...organisation.services.flatMap((s, i) => [
      given(`organisation.services[${i}].herId`, s.herId),
      given(`organisation.services[${i}].name`, s.name),
    ]),
    given("helsenorge.herId", helsenorge.herId),
    given("helsenorge.name", helsenorge.name),
    given("helsenorge.service.herId", helsenorge.service.herId),
    given("helsenorge.service.name", helsenorge.service.name),
    fromPreset("helseid.issuer", helseid?.issuer, "helseidIssuer"),
    given("helseid.clientId", helseid?.clientId),
    secret("helseid.key", helseid?.key !== undefined),
    fallback("helseid.binding", helseid?.binding, "dpop"),
    fromPreset("rest.baseUrl", rest?.baseUrl, "restBaseUrl"),
    scope(
      "rest.scopes.aktivsjekken",
      rest?.scopes?.aktivsjekken,
      spec.aktivsjekken.securitySchemes.helseid,
      "aktivsjekken",
    ),
    scope(
      "rest.scopes.helsekontakter",
      rest?.scopes?.helsekontakter,
      spec.helsekontakter.securitySchemes.helseid,
      "helsekontakter",
    ),
    rest?.aktivsjekken?.omraade === undefined
      ? {
          path: "rest.aktivsjekken.omraade",
          value: "name",
          secret: false,
          origin: "spec",
          mark: "inferred",
          reason: "the Swagger has names, the written description integers",
          source: "aktivsjekken#/components/schemas/Omraade",
        }
      : given("rest.aktivsjekken.omraade", rest.aktivsjekken.omraade),
    fallback("rest.bodies", rest?.bodies, "off"),
    fallback("rest.timeoutMs", rest?.timeoutMs, defaults.timeoutMs),
    ...describeWire(config.medlemstjenester ?? {}).map(
      ({ name, value, origin, mark, reason }): EffectiveSetting => ({
        path: `medlemstjenester.${name}`,
        value,
        secret: false,
        origin: origin === "default" ? "spec" : origin,
        mark,
        ...(reason === undefined || origin === "configuration" ? {} : { reason }),
        ...(origin === "default" ? { source: "helsekontakter#/x-settings" } : {}),
      }),
    ),
    fromPreset("registry.cppaBaseUrl", registry?.cppaBaseUrl, "cppaBaseUrl"),
    fromPreset("registry.communicationPartyBaseUrl", registry?.communicationPartyBaseUrl, "communicationPartyBaseUrl"),
    ...registries(config, preset),
    ...broker(config, preset),
    secret("keys.signing", keys?.signing !== undefined),
    secret("keys.decryption", (keys?.decryption.length ?? 0) > 0),
    secret("keySource", config.keySource !== undefined),
    config.journal === undefined ? none("journal", "messages need one") : given("journal", config.journal.engine),
    fallback("receiptDeadlineMs", config.receiptDeadlineMs, defaults.receiptDeadlineMs),
    fallback("leaseMs", config.leaseMs, defaults.leaseMs),
    fallback("personGuard", config.personGuard, true),
    fallback("amqp.concurrency", amqp?.concurrency, defaults.concurrency),
    // Addresses that are known of the environment and that no setting of the configuration overrides.
    fromPreset("preset.restHelsenettBaseUrl", undefined, "restHelsenettBaseUrl"),
    fromPreset("preset.selfServiceBaseUrl", undefined, "selfServiceBaseUrl"),
    fromPreset("preset.cppaBearerBaseUrl", undefined, "cppaBearerBaseUrl"),
  ];
}

function helpers(config: HelsekontaktConfig, preset: EnvironmentPreset) {
  return {
    preset(path: string, own: string | undefined, name: PresetSetting): EffectiveSetting {
      if (own !== undefined) return given(path, own);
      const value = preset[name];
      if (value === undefined)
        return none(path, `not known for ${config.environment}${path.startsWith("preset.") ? "" : ": configure it"}`);
      const reason = preset.inferred[name];
      const source = environmentSources[config.environment][name];
      return {
        path,
        value,
        secret: false,
        origin: "preset",
        mark: reason === undefined ? "confirmed" : "inferred",
        ...(reason === undefined ? {} : { reason }),
        ...(source === undefined ? {} : { source }),
      };
    },
  };
}

function registries({ registry, ...config }: HelsekontaktConfig, preset: EnvironmentPreset): EffectiveSetting[] {
  const { preset: fromPreset } = helpers(config, preset);
  const { soap, events, functionsWithoutProfile: functions } = registry ?? {};
  return [
    fallback("registry.addressRegistry", registry?.addressRegistry, "rest"),
    fallback("registry.collaborationRegistry", registry?.collaborationRegistry, "rest"),
    fromPreset("registry.soap.url", soap?.url, "addressRegistrySoapUrl"),
    fromPreset("registry.soap.cppaUrl", soap?.cppaUrl, "collaborationRegistrySoapUrl"),
    fallback("registry.soap.binding", soap?.binding, "basic"),
    soap === undefined
      ? none("registry.soap.username", "only SOAP needs one")
      : given("registry.soap.username", soap.username),
    secret("registry.soap.password", soap !== undefined),
    functions === undefined
      ? none("registry.functionsWithoutProfile", "every function is looked up")
      : given("registry.functionsWithoutProfile", functions.join(" ")),
    fallback("registry.dummies", registry?.dummies, "allow"),
    fallback("registry.checks", registry?.checks, "strict"),
    events === undefined
      ? none("registry.events.userSystemIdent", "changes are seen when the cache expires")
      : given("registry.events.userSystemIdent", events.userSystemIdent),
  ];
}

/** The broker's URL in its parts, of which only the password is secret. */
function broker({ amqp, ...config }: HelsekontaktConfig, preset: EnvironmentPreset): EffectiveSetting[] {
  const { preset: fromPreset } = helpers(config, preset);
  const url = amqp?.url === undefined ? undefined : new URL(amqp.url);
  const { queues } = amqp ?? {};
  const namespace = amqp?.namespace ?? url?.pathname.slice(1);
  const fromUrl = url?.username === undefined || url.username === "" ? undefined : decodeURIComponent(url.username);
  const username = amqp?.username ?? fromUrl;
  return [
    fromPreset("amqp.host", url === undefined ? undefined : url.host, "amqpHost"),
    fromPreset("amqp.namespace", namespace === "" ? undefined : namespace, "amqpNamespace"),
    ...(url === undefined ? [] : [given("amqp.tls", url.protocol === "amqps:")]),
    ...(amqp?.tls === undefined ? [] : [given("amqp.tls.own", Object.keys(amqp.tls).sort().join(" "))]),
    fallback("amqp.dialect", amqp?.dialect, "auto"),
    fallback("amqp.metadata", amqp?.metadata, true),
    amqp?.readAhead === undefined
      ? none("amqp.readAhead", "as many as amqp.concurrency")
      : given("amqp.readAhead", amqp.readAhead),
    amqp?.orderBy === undefined
      ? none("amqp.orderBy", "the thread is the order")
      : given("amqp.orderBy", "a function of the application's"),
    amqp?.functionLimits === undefined
      ? none("amqp.functionLimits", "amqp.concurrency bounds every function")
      : given(
          "amqp.functionLimits",
          Object.entries(amqp.functionLimits)
            .map(([name, limit]) => `${name}=${limit}`)
            .join(" "),
        ),
    username === undefined ? none("amqp.username", "messages need one") : given("amqp.username", username),
    secret("amqp.password", amqp?.password !== undefined || (url?.password ?? "") !== ""),
    queues?.async === undefined
      ? none("amqp.queues.async", "looked up in the address registry")
      : given("amqp.queues.async", queues.async),
    queues?.error === undefined
      ? none("amqp.queues.error", "looked up in the address registry")
      : given("amqp.queues.error", queues.error),
  ];
}

function given(path: string, value: string | number | boolean | undefined): EffectiveSetting {
  if (value === undefined) return none(path);
  return { path, value, secret: false, origin: "configuration", mark: "configured" };
}

function none(path: string, reason?: string): EffectiveSetting {
  return {
    path,
    value: undefined,
    secret: false,
    origin: "none",
    mark: "none",
    ...(reason === undefined ? {} : { reason }),
  };
}

function secret(path: string, set: boolean): EffectiveSetting {
  if (!set) return none(path);
  return { path, value: undefined, secret: true, origin: "configuration", mark: "configured" };
}

/** A default of the SDK's own, which no document of NHN's is about. */
function fallback<T extends string | number | boolean>(path: string, own: T | undefined, value: T): EffectiveSetting {
  if (own !== undefined) return given(path, own);
  return { path, value, secret: false, origin: "default", mark: "ours" };
}

function scope(
  path: string,
  own: string | undefined,
  scheme: { readonly scopes: readonly string[]; readonly inferred?: boolean },
  document: string,
): EffectiveSetting {
  if (own !== undefined) return given(path, own);
  return {
    path,
    value: scheme.scopes[0],
    secret: false,
    origin: "spec",
    mark: scheme.inferred === true ? "inferred" : "confirmed",
    ...(scheme.inferred === true ? { reason: "from the pattern of other scopes of the same API" } : {}),
    source: `${document}#/components/securitySchemes`,
  };
}
