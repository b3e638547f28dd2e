import type { AddressDialect, AmqpTlsSettings } from "@helsekontakt/amqp-messaging";
import type { Party, PartyLevel } from "@helsekontakt/amqp-messaging/messages";
import type { CheckedTrustOptions, Identity, KeySource } from "@helsekontakt/amqp-messaging/protection";
import { type Clock, HelsekontaktError, type Logger } from "@helsekontakt/core";
import type { TokenSourceOptions } from "@helsekontakt/helseid";
import type { Journal } from "@helsekontakt/journal";
import {
  type HelsekontakterWire,
  type NetworkOptions,
  resolveWire,
  type TransportSettings,
} from "@helsekontakt/rest-client";
import { findRegistryFaults, type RegistryConfig } from "./config-registry.ts";
import { findRestFaults } from "./config-rest.ts";
import { type EnvironmentName, type EnvironmentPreset, environments } from "./environments.ts";

/** The organisation that uses the SDK, on Helsenorge's two levels. */
export interface OrganisationConfig extends PartyLevel {
  /** Nine digits, of the enterprise. */
  readonly organisationNumber: string;
  /** Level 2: the services that send and receive. The first is the default sender. */
  readonly services: readonly PartyLevel[];
}

/** The client at HelseID. */
export interface HelseidConfig {
  readonly clientId: string;
  /** Private key as JWK, PEM or signing callback. */
  /** The key, or a function that gives it: `storedClientKey(…)` for keys that rotate. */
  readonly key: TokenSourceOptions["key"];
  /** HelseID's self service for keys. Default: the environment's. */
  readonly selfServiceBaseUrl?: string;
  /** Default: the environment's. */
  readonly issuer?: string;
  /** Default `dpop`. */
  readonly binding?: "dpop" | "bearer";
}

/** Helsenorge's external API. */
export interface RestConfig {
  /** Default: the environment's. */
  readonly baseUrl?: string;
  /** Scopes by their full names; defaults come from specs/, where they are marked as inferred. */
  readonly scopes?: { readonly aktivsjekken?: string; readonly helsekontakter?: string };
  /**
   * `omraade`: whether AktivSjekken is sent the area by its name, as the API's Swagger has it (default), by its code in
   * Volven 7618, as the written description has it, or by its name until a call is refused for it and taken with the code.
   */
  readonly aktivsjekken?: { readonly omraade?: "name" | "code" | "name-then-code" };
  /**
   * Whether bodies are judged by the APIs' documents: a request that breaks its document is then an error before it is
   * sent, an answer a `warning` (an event and a line in the log) or an `error`. Default `off`.
   */
  readonly bodies?: "off" | "warning" | "error";
  /** Milliseconds for one try. Default 15,000. */
  readonly timeoutMs?: number;
  /** How calls travel, the same for all APIs: deadline, retries, circuit breaker, concurrency, correlation, telemetry. */
  readonly transport?: TransportSettings;
  /** Proxy, own authorities and pool, for tokens too. Default: the connections of Node's own `fetch`. */
  readonly network?: NetworkOptions;
}

/** What is known of a message before it is opened; anything may be absent or wrong, as its sender wrote it. */
export interface ArrivedMessage {
  readonly function?: string;
  readonly fromHerId?: string;
  readonly toHerId?: string;
  readonly correlationId?: string;
}

/** NHN's broker. */
export interface AmqpConfig {
  /** `amqps://user:password@host:port/Exchange`. Parts that the environment knows may be left out with `username` and `password`. */
  readonly url?: string;
  readonly username?: string;
  readonly password?: string | (() => string | Promise<string>);
  /** Short names of own queues. Default: what the address registry says of the first service. */
  readonly queues?: { readonly async?: string; readonly error?: string };
  /** How many inbound messages are handled at once. Default 5. */
  readonly concurrency?: number;
  /**
   * Messages taken from the broker at a time: this is the credit. Default `concurrency`; larger gives `orderBy` and
   * `functionLimits` something to go on with while a key or a function is busy.
   */
  readonly readAhead?: number;
  /**
   * The key of a message's order: those of one key are taken and handled one after another as they arrived, others side by
   * side. Stored in clear when it is a plain id, else as a hash. Undefined, or where this throws: the thread, which is
   * also the default; a key of your own should hold whole threads, or their messages may pass each other.
   */
  readonly orderBy?: (message: ArrivedMessage) => string | undefined;
  /**
   * How many messages of a function are opened, checked and journalled at a time; others are bound by `concurrency`
   * alone. Keeps one kind of large messages from taking all places. Handlers work from the journal, by `concurrency`.
   */
  readonly functionLimits?: Readonly<Record<string, number>>;
  /** The exchange, case-sensitive. Default: the URL's path, else the environment's. */
  readonly namespace?: string;
  /** How queues are addressed. Default `auto`: by what the broker says of itself. */
  readonly dialect?: AddressDialect | "auto";
  /** Own authorities and a client certificate. Default: the system's trust store, TLS 1.2 or newer. */
  readonly tls?: AmqpTlsSettings;
  /** A peer silent for twice this long, and a second, counts as dead. Default 10,000 ms. */
  readonly idleTimeoutMs?: number;
  /** Put out the `X-…` facts of the payload, none of them personal. Default true. */
  readonly metadata?: boolean;
}

/** Keys and certificates for messages. */
export interface KeysConfig {
  /** Signs outgoing messages. */
  readonly signing: Identity;
  /** Opens incoming messages: the present one first, then earlier ones. */
  readonly decryption: readonly Identity[];
}

/** Who vouches for certificates, beside the registries; without it the certificate in the partner's profile is all that counts. */
export interface TrustConfig {
  /** For those who sign messages to us: their certificates come with the message. */
  readonly signers?: CheckedTrustOptions;
  /** For those whom we encrypt to: give their authorities as `intermediates`. */
  readonly receivers?: CheckedTrustOptions;
}

/** Everything that the SDK is told; nothing is read from the environment's variables. */
export interface HelsekontaktConfig {
  readonly environment: EnvironmentName;
  readonly organisation: OrganisationConfig;
  /** Helsenorge's own address; its HER-ids differ by environment and none is confirmed, so they are configuration. */
  readonly helsenorge: Party;
  readonly helseid?: HelseidConfig;
  readonly rest?: RestConfig;
  /** What the description of Medlemstjenester leaves open; every default is inferred, and listed by `describeWire`. */
  readonly medlemstjenester?: Partial<HelsekontakterWire>;
  readonly amqp?: AmqpConfig;
  readonly registry?: RegistryConfig;
  readonly keys?: KeysConfig;
  /** Gives the keys anew while everything runs, instead of `keys`: see `reloadKeys`. */
  readonly keySource?: KeySource;
  readonly trust?: TrustConfig;
  /** An opened journal; the caller closes it. */
  readonly journal?: Journal;
  /** How long to wait for an AppRec before it counts as overdue. Default 96 hours. */
  readonly receiptDeadlineMs?: number;
  /**
   * Milliseconds that a process may be silent before another one that shares the journal takes over what it was sending
   * or handling. Default 30,000. Renewed by itself while there is work.
   */
  readonly leaseMs?: number;
  /**
   * Refuses national identity numbers that may be real outside PROD, and synthetic ones inside. Default true; false is
   * for environments of your own that hold other persons than their name says.
   */
  readonly personGuard?: boolean;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** One fault of the configuration. */
export interface ConfigFault {
  readonly path: string;
  readonly expected: string;
  readonly hint: string;
}

/**
 * Checks the whole configuration and reports all faults at once.
 *
 * @throws {HelsekontaktError} `config/invalid`, with every fault's path in `context.paths` and all of them in the message.
 */
export function checkConfig(config: HelsekontaktConfig): EnvironmentPreset {
  const faults = findConfigFaults(config);
  if (faults.length > 0) {
    const list = faults.map((f) => `${f.path}: expected ${f.expected} (${f.hint})`).join("; ");
    throw new HelsekontaktError(
      "config/invalid",
      `expected a usable configuration, found ${faults.length} fault(s): ${list}`,
      {
        context: { paths: faults.map((f) => f.path) },
        hint: "mend every path named; the values themselves are never shown",
      },
    );
  }
  return environments[config.environment];
}

/** All faults of a configuration, none when it can be used; for tools that report them with faults of their own. */
export function findConfigFaults(config: HelsekontaktConfig): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const need = (ok: boolean, path: string, expected: string, hint: string): void => {
    if (!ok) faults.push({ path, expected, hint });
  };
  const herId = (value: unknown, path: string): void =>
    need(
      typeof value === "string" && /^[1-9]\d{0,9}$/.test(value),
      path,
      "a HER-id of digits",
      "it is in Adresseregisteret",
    );
  const text = (value: unknown, path: string): void =>
    need(
      typeof value === "string" && value.trim() !== "",
      path,
      "a name",
      "citizens and logs of the other party see it",
    );
  const url = (value: string | undefined, path: string, schemes: readonly string[]): void => {
    if (value !== undefined)
      need(
        typeof value === "string" && schemes.some((s) => value.startsWith(`${s}://`)) && URL.canParse(value),
        path,
        `a URL with ${schemes.join(" or ")}`,
        "check for blanks and a missing scheme",
      );
  };
  const preset = environments[config.environment] as EnvironmentPreset | undefined;
  need(preset !== undefined, "environment", `one of ${Object.keys(environments).join(", ")}`, "LOCAL is the sandbox");
  const { organisation: own, helsenorge } = config;
  herId(own?.herId, "organisation.herId");
  text(own?.name, "organisation.name");
  need(
    /^\d{9}$/.test(own?.organisationNumber ?? ""),
    "organisation.organisationNumber",
    "nine digits without blanks",
    "from Enhetsregisteret",
  );
  need(
    (own?.services?.length ?? 0) > 0,
    "organisation.services",
    "at least one service",
    "Helsenorge addresses services on level 2",
  );
  for (const [i, service] of (own?.services ?? []).entries()) {
    herId(service?.herId, `organisation.services[${i}].herId`);
    text(service?.name, `organisation.services[${i}].name`);
  }
  herId(helsenorge?.herId, "helsenorge.herId");
  text(helsenorge?.name, "helsenorge.name");
  herId(helsenorge?.service?.herId, "helsenorge.service.herId");
  const secure = preset?.production === false && config.environment === "LOCAL" ? ["https", "http"] : ["https"];
  url(config.helseid?.issuer, "helseid.issuer", secure);
  url(config.rest?.baseUrl, "rest.baseUrl", secure);
  faults.push(
    ...findRegistryFaults(config.registry, {
      soapUrl: preset?.addressRegistrySoapUrl,
      soapCppaUrl: preset?.collaborationRegistrySoapUrl,
      schemes: secure,
    }),
  );
  url(config.amqp?.url, "amqp.url", config.environment === "LOCAL" ? ["amqps", "amqp"] : ["amqps"]);
  const positive = (value: number | undefined, path: string, expected: string, hint: string): void =>
    need(value === undefined || (Number.isInteger(value) && value > 0), path, expected, hint);
  positive(config.amqp?.concurrency, "amqp.concurrency", "a whole number above 0", "5 is the default");
  positive(config.amqp?.readAhead, "amqp.readAhead", "a whole number above 0", "amqp.concurrency is the default");
  const { orderBy, functionLimits } = config.amqp ?? {};
  need(
    orderBy === undefined || typeof orderBy === "function",
    "amqp.orderBy",
    "a function",
    "it can be given in code only",
  );
  for (const [name, value] of Object.entries(functionLimits ?? {}))
    positive(
      value,
      `amqp.functionLimits.${/^\w{1,60}$/u.test(name) ? name : "(other)"}`,
      "a whole number above 0",
      "leave the function out for no limit of its own",
    );
  positive(config.amqp?.idleTimeoutMs, "amqp.idleTimeoutMs", "milliseconds above 0", "10,000 is the default");
  positive(config.rest?.timeoutMs, "rest.timeoutMs", "milliseconds above 0", "15,000 is the default");
  faults.push(...findRestFaults(config.rest));
  if (config.helseid !== undefined)
    need(Boolean(config.helseid.clientId), "helseid.clientId", "the client's id", "it is in HelseID's self service");
  need(
    config.keys === undefined || config.keySource === undefined,
    "keySource",
    "either keys or keySource",
    "keySource replaces keys",
  );
  if (config.keys !== undefined)
    need(
      (config.keys.decryption?.length ?? 0) > 0,
      "keys.decryption",
      "at least one identity",
      "it opens incoming messages",
    );
  if (config.medlemstjenester !== undefined) need(...wireFault(config.medlemstjenester));
  positive(config.receiptDeadlineMs, "receiptDeadlineMs", "milliseconds above 0", "96 hours is the default");
  positive(config.leaseMs, "leaseMs", "milliseconds above 0", "30,000 is the default");
  return faults;
}

function wireFault(wire: Partial<HelsekontakterWire>): [boolean, string, string, string] {
  try {
    resolveWire(wire);
    return [true, "medlemstjenester", "", ""];
  } catch (error) {
    // The message names settings and their values, which are the spec's, and nothing of what was given.
    const text = HelsekontaktError.from(error).message.replace(/^.*?found /, "");
    return [false, "medlemstjenester", "settings by their names in the spec", text];
  }
}
