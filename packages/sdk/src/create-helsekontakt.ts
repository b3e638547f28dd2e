import type { Party } from "@helsekontakt/amqp-messaging/messages";
import { HelsekontaktError, silentLogger, systemClock } from "@helsekontakt/core";
import type { SetAside } from "@helsekontakt/journal";
import { createSigningFetch, createTokenSource, type TokenSource } from "@helsekontakt/helseid";
import {
  apis,
  createAktivsjekkenClient,
  createCommunicationPartyClient,
  createCppaClient,
  createHelsekontakterClient,
  createNetworkFetch,
  createStatusChangeFeed,
  type RestClientOptions,
  SharedTransport,
} from "@helsekontakt/rest-client";
import { bodyChecks, type DocumentedApi } from "./body-checks.ts";
import { checkConfig, type HelsekontaktConfig } from "./config.ts";
import { createAktivsjekk } from "./flows/aktivsjekk.ts";
import type { Aktivsjekk } from "./flows/aktivsjekk-types.ts";
import { createEkontakt } from "./flows/ekontakt.ts";
import type { Ekontakt } from "./flows/ekontakt-types.ts";
import { createMedlemstjenester, type Medlemstjenester } from "./flows/medlemstjenester.ts";
import { createNotifikasjon, type Notifikasjon } from "./flows/notifikasjon.ts";
import { createTjenesteoversikt, type Tjenesteoversikt } from "./flows/tjenesteoversikt.ts";
import { createMemberRegister } from "./members/register.ts";
import type { MemberRegister } from "./members/types.ts";
import type { HelsekontaktEvent } from "./messaging/events.ts";
import type { Health } from "./messaging/health.ts";
import { Mailroom, notConfigured } from "./messaging/mailroom.ts";
import { createRegistry } from "./messaging/party-registry.ts";
import { Runtime } from "./messaging/runtime.ts";
import { createPersonGuard } from "./person-guard.ts";

const ninetySixHours = 96 * 3_600_000;
const thirtySeconds = 30_000;

/** The five systems, and the life of what runs behind the three that use messages. */
export interface Helsekontakt {
  readonly aktivsjekk: Aktivsjekk;
  readonly medlemstjenester: Medlemstjenester;
  /** The members of Medlemstjenester, kept as they should be. Needs a journal. */
  readonly members: MemberRegister;
  readonly notifikasjon: Notifikasjon;
  readonly ekontakt: Ekontakt;
  readonly tjenesteoversikt: Tjenesteoversikt;
  /** Messages that failed for good, to be looked at, tried again or dropped. Needs a journal. */
  readonly setAside: SetAside;
  /**
   * Connects to the broker and starts sending, receiving and watching deadlines. REST works without it; messages that
   * are posted before it wait in the journal.
   *
   * @throws {HelsekontaktError} `config/missing`, `amqp/*`, `registry/*`, `auth/*`, `abort/cancelled`
   */
  start(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Stops: takes no more messages, lets those under way finish within `drainMs` (default 30,000), closes the connection. */
  stop(options?: { readonly drainMs?: number }): Promise<void>;
  /**
   * How the messaging part does now: for readiness probes and alarms. Asks nobody but the journal; what is wrong is an
   * answer, and is not thrown.
   *
   * @throws {HelsekontaktError} `config/missing` without journal, keys and broker
   */
  health(options?: { readonly signal?: AbortSignal }): Promise<Health>;
  /** Listens to what happens to messages; the function that comes back ends the listening. */
  onEvent(listener: (event: HelsekontaktEvent) => void): () => void;
}

/**
 * Builds the SDK from one configuration. Nothing is contacted before it is needed.
 *
 * @throws {HelsekontaktError} `config/invalid` with all faults at once
 */
export function createHelsekontakt(config: HelsekontaktConfig): Helsekontakt {
  const preset = checkConfig(config);
  const { journal, keys } = config;
  const keySource = config.keySource ?? (keys === undefined ? undefined : () => keys);
  const logger = config.logger ?? silentLogger;
  const clock = config.clock ?? systemClock;
  const guard = createPersonGuard(preset.production, config.personGuard ?? true);
  const listeners = new Set<(event: HelsekontaktEvent) => void>();
  const emit = (event: HelsekontaktEvent): void => {
    for (const listener of listeners) {
      try {
        listener(event);
      } catch {
        // A listener's fault must not touch the message.
      }
    }
  };

  const network = config.rest?.network === undefined ? undefined : createNetworkFetch(config.rest.network);
  const tokens = lazy(() => createTokens(config, preset.helseidIssuer, network?.fetch));
  // One for all clients: they stand before the same services.
  const transport = lazy(
    () =>
      new SharedTransport({
        ...config.rest?.transport,
        retry: {
          ...(config.clock === undefined ? {} : { clock: config.clock }),
          ...(config.rest?.timeoutMs === undefined ? {} : { timeoutMs: config.rest.timeoutMs }),
          ...config.rest?.transport?.retry,
        },
      }),
  );
  const signed = (
    api: DocumentedApi,
    baseUrl: string | undefined,
    path: string,
    system: string,
    scope: string,
  ): RestClientOptions => {
    if (baseUrl === undefined) throw notConfigured(system, [path]);
    const bodies = bodyChecks(api, config.rest?.bodies, logger, (finding) =>
      emit({ type: "answer-differs", ...finding }),
    );
    return {
      ...(bodies === undefined ? {} : { bodies }),
      baseUrl,
      fetch: createSigningFetch(tokens(), { scopes: [scope] }),
      transport: transport(),
    };
  };
  const restBase = config.rest?.baseUrl ?? preset.restBaseUrl;
  const { scopes } = config.rest ?? {};
  const aktivsjekk = lazy(() => {
    const rest = signed(
      "aktivsjekken",
      restBase,
      "rest.baseUrl",
      "AktivSjekken",
      scopes?.aktivsjekken ?? apis.aktivsjekken.securitySchemes.helseid.scopes[0],
    );
    const omraadeForm = config.rest?.aktivsjekken?.omraade;
    return createAktivsjekk({
      client: createAktivsjekkenClient({ ...rest, ...(omraadeForm === undefined ? {} : { omraadeForm }) }),
      guard,
      persons: (config.personGuard ?? true) ? (preset.production ? "real" : "synthetic") : undefined,
      changeFeed: () => createStatusChangeFeed(rest),
    });
  });
  const helsekontakter = (retry?: { readonly tries: number; readonly timeoutMs: number }) =>
    createHelsekontakterClient({
      ...signed(
        "helsekontakter",
        restBase,
        "rest.baseUrl",
        "Medlemstjenester",
        scopes?.helsekontakter ?? apis.helsekontakter.securitySchemes.helseid.scopes[0],
      ),
      ...(config.medlemstjenester === undefined ? {} : { wire: config.medlemstjenester }),
      // Who resends by itself has limits of its own, and a batch that is too large is no sign of a service that is down.
      ...(retry === undefined
        ? {}
        : {
            retry,
            transport: { ...config.rest?.transport, deadlineMs: retry.timeoutMs, breaker: false, retryBudget: false },
          }),
    });
  const medlemstjenester = lazy(() =>
    createMedlemstjenester(helsekontakter(), journal, config.organisation, clock, guard),
  );
  const members = lazy(() => {
    if (journal === undefined) throw notConfigured("the member register", ["journal"]);
    return createMemberRegister({
      journal,
      // The register resends by itself, halves what is too slow, and has the time limit.
      client: helsekontakter({ tries: 1, timeoutMs: 900_000 }),
      wire: config.medlemstjenester,
      organisation: config.organisation.organisationNumber,
      clock,
      guard,
      production: preset.production,
    });
  });

  const sender = (herId?: string): Party => {
    const { services, herId: own, name, organisationNumber } = config.organisation;
    const service = herId === undefined ? services[0] : services.find((s) => s.herId === herId);
    if (service === undefined) {
      throw new HelsekontaktError("input/invalid", "expected the HER-id of an own service, found another", {
        context: { services: services.map((s) => s.herId) },
        hint: "add the service to organisation.services",
      });
    }
    return { herId: own, name, organisationNumber, service };
  };
  const messaging = lazy(() => {
    if (journal === undefined) throw notConfigured("messages", ["journal"]);
    const mailroom = new Mailroom(journal, config.receiptDeadlineMs ?? ninetySixHours, guard);
    const ekontakt = createEkontakt(journal, mailroom, sender, config.helsenorge, logger);
    return { mailroom, ekontakt };
  });
  const notifikasjon = lazy(() => createNotifikasjon(messaging().mailroom, sender, config.helsenorge));
  const tjenesteoversikt = lazy(() => createTjenesteoversikt(messaging().mailroom, sender, config.helsenorge));

  const runtime = lazy(() => {
    if (
      journal === undefined ||
      keySource === undefined ||
      (config.amqp === undefined && preset.amqpHost === undefined)
    ) {
      throw notConfigured("messages", ["journal", "keys", "amqp"]);
    }
    const { registry, follow } = createRegistry({
      config: config.registry,
      soapUrl: preset.addressRegistrySoapUrl,
      soapCppaUrl: preset.collaborationRegistrySoapUrl,
      cppa: () =>
        createCppaClient(
          signed(
            "cppa",
            config.registry?.cppaBaseUrl ?? preset.cppaBaseUrl,
            "registry.cppaBaseUrl",
            "messages",
            apis.cppa.securitySchemes.helseidDpop.scopes[0],
          ),
        ),
      parties: () =>
        createCommunicationPartyClient(
          signed(
            "communicationParty",
            config.registry?.communicationPartyBaseUrl ?? preset.communicationPartyBaseUrl,
            "registry.communicationPartyBaseUrl",
            "messages",
            apis.communicationParty.securitySchemes.helseid.scopes[0],
          ),
        ),
      network: config.rest?.network,
      retry: config.rest?.transport?.retry,
      clock,
      logger,
    });
    return new Runtime({
      journal,
      amqp: config.amqp ?? {},
      amqpHost: preset.amqpHost,
      amqpNamespace: preset.amqpNamespace,
      keys: keySource,
      trust: config.trust,
      registry,
      follow,
      ekontakt: messaging().ekontakt.inbound,
      ownHerId: sender().service.herId,
      helsenorgeHerId: config.helsenorge.service.herId,
      receiptWithinMs: config.receiptDeadlineMs ?? ninetySixHours,
      leaseMs: config.leaseMs ?? thirtySeconds,
      clock,
      logger,
      emit,
    });
  });
  let started = false;

  return {
    get aktivsjekk() {
      return aktivsjekk();
    },
    get medlemstjenester() {
      return medlemstjenester();
    },
    get members() {
      return members();
    },
    get notifikasjon() {
      return notifikasjon();
    },
    get ekontakt() {
      return messaging().ekontakt.api;
    },
    get tjenesteoversikt() {
      return tjenesteoversikt();
    },
    get setAside() {
      if (journal === undefined) throw notConfigured("messages", ["journal"]);
      return journal.setAside;
    },
    async start({ signal } = {}) {
      const running = runtime();
      started = true;
      await running.start(signal);
    },
    async stop({ drainMs = 30_000 } = {}) {
      if (started) await runtime().stop(drainMs);
      started = false;
      await network?.close();
    },
    async health({ signal } = {}) {
      return runtime().health(signal);
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** @internal The one way to tokens of a configuration. */
export function createTokens(
  config: HelsekontaktConfig,
  defaultIssuer: string | undefined,
  fetch = config.rest?.network === undefined ? undefined : createNetworkFetch(config.rest.network).fetch,
): TokenSource {
  const issuer = config.helseid?.issuer ?? defaultIssuer;
  if (config.helseid === undefined || issuer === undefined)
    throw notConfigured("REST services and registries", ["helseid.clientId", "helseid.key", "helseid.issuer"]);
  return createTokenSource({
    issuer,
    clientId: config.helseid.clientId,
    key: config.helseid.key,
    ...(config.helseid.binding === undefined ? {} : { binding: config.helseid.binding }),
    ...(config.logger === undefined ? {} : { logger: config.logger }),
    ...(config.clock === undefined ? {} : { clock: config.clock }),
    ...(fetch === undefined ? {} : { fetch }),
    allowInsecureLoopback: config.environment === "LOCAL",
  });
}

function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
