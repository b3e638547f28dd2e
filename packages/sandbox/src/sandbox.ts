// Over 400 lines: where the parts of the sandbox are put together; each part stands in a file of its own.
import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageFunctions } from "@helsekontakt/amqp-messaging";
import type { Identity } from "@helsekontakt/amqp-messaging/protection";
import { HelsekontaktError } from "@helsekontakt/core";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";
import { Broker } from "./amqp/broker.ts";
import { Capture } from "./capture.ts";
import { type DigitalStatus, type SyntheticCitizen, syntheticCitizens } from "./citizens.ts";
import { Counterpart } from "./counterpart/counterpart.ts";
import { CounterpartTransport } from "./counterpart/transport.ts";
import { FaultSchedule, type FaultTarget } from "./faults.ts";
import { createAccessCheck } from "./helseid/access.ts";
import type { NoncePolicy } from "./helseid/nonces.ts";
import { answerSelfService, type SelfServiceBehaviour, selfServiceScope } from "./helseid/self-service.ts";
import { TokenService } from "./helseid/token-service.ts";
import { type SandboxRequest, type SandboxResponse, startHttp } from "./http/server.ts";
import { createIdentities, type SandboxIdentities, type SandboxParty, sandboxParties } from "./parties.ts";
import {
  type AktivsjekkenBehaviour,
  aktivsjekkenPath,
  aktivsjekkenScope,
  answerAktivsjekken,
  createAktivsjekkenBehaviour,
} from "./rest/aktivsjekken.ts";
import {
  answerHelsekontakter,
  createHelsekontakterState,
  type HelsekontakterState,
  helsekontakterScope,
  isHelsekontakterPath,
} from "./rest/helsekontakter.ts";
import { rolesOf } from "./rest/roles.ts";
import {
  answerCommunicationParty,
  answerCppa,
  cppaScope,
  partyScope,
  type RegistryOptions,
} from "./rest/registries.ts";
import { answerSoap, EventSubscriptions, isSoapPath } from "./rest/soap-registries.ts";

/** How to start the sandbox. */
export interface SandboxOptions {
  /** Ports on the loopback address; 0 or absent: any free one. */
  readonly ports?: {
    readonly helseid?: number;
    readonly rest?: number;
    readonly registries?: number;
    readonly selfService?: number;
    readonly amqp?: number;
  };
  /** Folder into which every exchange is written as files. */
  readonly captureDir?: string;
  /** Who is in the registries; every queue named exists on the broker. Default {@link sandboxParties}. */
  readonly parties?: readonly SandboxParty[];
  /** How many synthetic citizens exist. Default 3,000. */
  readonly citizens?: number;
  /** Lifetime of tokens in seconds. Default 60. */
  readonly tokenLifetime?: number;
  /** How HelseID deals with nonces. Default `window`. */
  readonly nonces?: NoncePolicy;
  readonly now?: () => number;
}

/** Everything a client needs to reach the sandbox; the private parts are synthetic and made at start. */
export interface SandboxClient {
  readonly clientId: string;
  /** Private key as JWK with `kid` and `alg`. */
  readonly jwk: JWK;
  readonly organisationNumber: string;
}

/**
 * The configuration with which the SDK reaches the sandbox: `createHelsekontakt({ ...sandbox.config, journal })`. It has
 * the shape of the SDK's configuration, which this package cannot import.
 */
export interface SandboxConfig {
  readonly environment: "LOCAL";
  readonly organisation: {
    readonly herId: string;
    readonly name: string;
    readonly organisationNumber: string;
    readonly services: readonly { readonly herId: string; readonly name: string }[];
  };
  readonly helsenorge: {
    readonly herId: string;
    readonly name: string;
    readonly service: { readonly herId: string; readonly name: string };
  };
  readonly helseid: {
    readonly issuer: string;
    readonly selfServiceBaseUrl: string;
    readonly clientId: string;
    readonly key: { readonly jwk: Readonly<Record<string, unknown>> };
  };
  readonly rest: { readonly baseUrl: string };
  readonly registry: { readonly cppaBaseUrl: string; readonly communicationPartyBaseUrl: string };
  readonly amqp: { readonly url: string };
  readonly keys: { readonly signing: Identity; readonly decryption: readonly Identity[] };
}

/** A running sandbox, with everything that a test may want to look at or to break. */
export interface Sandbox {
  readonly config: SandboxConfig;
  readonly helseid: { readonly issuer: string; readonly service: TokenService };
  /** HelseID's self service for keys of the client. */
  readonly selfService: { readonly baseUrl: string; readonly behaviour: SelfServiceBehaviour };
  readonly rest: {
    readonly baseUrl: string;
    readonly state: HelsekontakterState;
    readonly aktivsjekken: AktivsjekkenBehaviour;
    readonly counts: Readonly<Record<FaultTarget, number>>;
  };
  readonly registries: {
    readonly cppaBaseUrl: string;
    readonly communicationPartyBaseUrl: string;
    /** Before the paths of the SOAP services: address registry, its export, ServiceBusManager. */
    readonly soapBaseUrl: string;
    readonly soapCredentials: { readonly username: string; readonly password: string };
    /** Sends an event to everybody who subscribes to it. */
    sendEvent(source: string, eventName: string, herId?: string): Promise<void>;
  };
  readonly amqp: { readonly url: string; readonly namespace: string; readonly broker: Broker };
  readonly client: SandboxClient;
  readonly parties: readonly SandboxParty[];
  readonly identities: SandboxIdentities;
  readonly citizens: readonly SyntheticCitizen[];
  readonly counterpart: Counterpart;
  readonly counterpartTransport: CounterpartTransport;
  readonly faults: FaultSchedule;
  readonly capture: Capture;
  /** Changes what the sandbox says of a citizen from now on. */
  setStatus(fnr: string, status: DigitalStatus): void;
  close(): Promise<void>;
}

/**
 * Starts Helsenorge in this process, on the loopback address: HelseID's token service, the REST APIs, the registries, an
 * AMQP 1.0 broker and the counterpart that answers. Nothing leaves the machine.
 *
 * @throws {HelsekontaktError} `config/invalid` when a port is taken or the folder cannot be made; then nothing stays open
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const opened: (() => Promise<unknown>)[] = [];
  try {
    return await open(options, opened);
  } catch (error) {
    // What has started already must not keep ports, or the process, for a sandbox that nobody has.
    await closeAll(opened);
    throw error;
  }
}

/** Closes in the reverse order, all of it whatever one says. */
async function closeAll(opened: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const close of opened.toReversed()) await close().catch(() => {});
}

async function open(options: SandboxOptions, opened: (() => Promise<unknown>)[]): Promise<Sandbox> {
  const now = options.now ?? Date.now;
  const capture = new Capture(options.captureDir);
  if (options.captureDir !== undefined) await makeFolder(options.captureDir);
  const [identities, client] = await Promise.all([createIdentities(now()), createClient()]);
  const parties = options.parties ?? sandboxParties;
  const citizens = syntheticCitizens(options.citizens ?? 3_000);
  const statuses = new Map(citizens.map((c) => [c.fnr, c.status]));
  const statusOf = (fnr: string): DigitalStatus => statuses.get(fnr) ?? "unknown";
  const faults = new FaultSchedule();

  const service = new TokenService({
    clients: [
      {
        clientId: client.clientId,
        jwks: { keys: [publicPart(client.jwk)] },
        scopes: [aktivsjekkenScope, helsekontakterScope, cppaScope, partyScope, selfServiceScope],
        organisationNumber: client.organisationNumber,
        children: parties.flatMap((p) => (p.owner === "provider" ? [p.organisationNumber] : [])),
      },
    ],
    now,
    ...(options.tokenLifetime === undefined ? {} : { tokenLifetime: options.tokenLifetime }),
    ...(options.nonces === undefined ? {} : { nonces: options.nonces }),
  });
  await service.init();
  const counts: Record<FaultTarget, number> = {
    token: 0,
    "self-service": 0,
    aktivsjekken: 0,
    helsekontakter: 0,
    cppa: 0,
    "communication-party": 0,
    "registries-soap": 0,
  };
  const counted = async (
    target: FaultTarget,
    answer: () => Promise<SandboxResponse> | SandboxResponse,
  ): Promise<SandboxResponse> => {
    counts[target]++;
    return faults.around(target, answer);
  };
  const helseid = await startHttp(
    (request) =>
      request.url.pathname === "/connect/token"
        ? counted("token", () => service.handle(request))
        : service.handle(request),
    options.ports?.helseid,
  );
  opened.push(() => helseid.close());
  service.issuer = helseid.origin;

  const check = createAccessCheck(service, now);
  const state = createHelsekontakterState();
  const aktivsjekken = createAktivsjekkenBehaviour();
  const guarded = (
    target: FaultTarget,
    scope: string,
    request: SandboxRequest,
    answer: () => Promise<SandboxResponse> | SandboxResponse,
  ): Promise<SandboxResponse> =>
    counted(target, async () => {
      const result = (await check(request, { scope, scheme: "both" })) ?? (await answer());
      capture.write(`rest-${target}-${result.status}`, exchangeFiles(request, result));
      return result;
    });
  const rest = await startHttp((request) => {
    const { pathname } = request.url;
    if (request.method === "POST" && pathname === aktivsjekkenPath)
      return guarded("aktivsjekken", aktivsjekkenScope, request, () =>
        answerAktivsjekken(request, statusOf, aktivsjekken),
      );
    if (request.method === "POST" && isHelsekontakterPath(pathname))
      return guarded("helsekontakter", helsekontakterScope, request, () =>
        answerHelsekontakter(request, state, statusOf),
      );
    return { status: 404 };
  }, options.ports?.rest);
  opened.push(() => rest.close());

  const selfServiceBehaviour: SelfServiceBehaviour = { keyLifeMs: 365 * 24 * 3_600_000, loseAnswers: 0 };
  const selfService = await startHttp(
    (request) =>
      counted(
        "self-service",
        async () =>
          (await check(request, { scope: selfServiceScope, scheme: "dpop" })) ??
          (await answerSelfService(request, service.register, selfServiceBehaviour, service.now())),
      ),
    options.ports?.selfService,
  );
  opened.push(() => selfService.close());

  const namespace = "SANDBOXServiceBus";
  const credentials = { username: "sandbox", password: "sandbox" };
  const broker = new Broker({
    ...credentials,
    namespace,
    ...(options.ports?.amqp === undefined ? {} : { port: options.ports.amqp }),
  });
  for (const { queues } of parties) for (const queue of Object.values(queues)) broker.declare(queue);
  await broker.start();
  opened.push(() => broker.close());
  const amqpUrl = `amqp://${credentials.username}:${credentials.password}@127.0.0.1:${broker.port}/${namespace}`;

  const registry: RegistryOptions = {
    parties,
    queueBase: `127.0.0.1:${broker.port}/${namespace}`,
    profileOf: (party) => ({
      herId: party.herId,
      name: party.name,
      asyncQueueAddress: `amqp://127.0.0.1:${broker.port}/${namespace}/${party.queues.async}`,
      signing: identities[party.owner].signing.certificate,
      encryption: identities[party.owner].encryption.certificate,
      roles: rolesOf(party.owner, Object.values(messageFunctions)),
    }),
  };
  const subscriptions = new EventSubscriptions((queue) => broker.declare(queue));
  const soap = {
    ...registry,
    credentials,
    subscriptions,
    documentAt(path: string) {
      const { body } = answerCppa(
        { method: "GET", url: new URL(path, "http://localhost"), headers: {}, body: Buffer.alloc(0) },
        registry,
      );
      return Buffer.isBuffer(body) ? body : undefined;
    },
    certificatesOf: (party: SandboxParty) => ({
      signing: identities[party.owner].signing.certificate,
      encryption: identities[party.owner].encryption.certificate,
    }),
  };
  const registries = await startHttp((request) => {
    if (isSoapPath(request.url.pathname)) return counted("registries-soap", () => answerSoap(request, soap));
    if (request.method !== "GET") return { status: 405 };
    return request.url.pathname.startsWith("/communicationparty/")
      ? guarded("communication-party", partyScope, request, () => answerCommunicationParty(request, registry))
      : guarded("cppa", cppaScope, request, () => answerCppa(request, registry));
  }, options.ports?.registries);
  opened.push(() => registries.close());

  const counterpartTransport = new CounterpartTransport({ amqpUrl, identities, parties, capture, now });
  const counterpart = new Counterpart(counterpartTransport, statusOf, now);
  opened.push(() => counterpartTransport.close());
  const [helsenorgeParty] = parties.filter((p) => p.owner === "helsenorge" && p.parentHerId !== undefined);
  if (helsenorgeParty !== undefined) await counterpart.start(helsenorgeParty.queues.async);

  const services = parties.filter((p) => p.owner === "provider" && p.parentHerId !== undefined);
  const config: SandboxConfig = {
    environment: "LOCAL",
    organisation: {
      herId: services[0]?.parentHerId ?? "",
      name: services[0]?.parentName ?? "",
      organisationNumber: services[0]?.organisationNumber ?? "",
      services: services.map(({ herId, name }) => ({ herId, name })),
    },
    helsenorge: {
      herId: helsenorgeParty?.parentHerId ?? "",
      name: helsenorgeParty?.parentName ?? "",
      service: { herId: helsenorgeParty?.herId ?? "", name: helsenorgeParty?.name ?? "" },
    },
    helseid: {
      issuer: helseid.origin,
      selfServiceBaseUrl: selfService.origin,
      clientId: client.clientId,
      key: { jwk: { ...client.jwk } },
    },
    rest: { baseUrl: rest.origin },
    registry: { cppaBaseUrl: `${registries.origin}/v2/`, communicationPartyBaseUrl: registries.origin },
    amqp: { url: amqpUrl },
    keys: { signing: identities.provider.signing, decryption: [identities.provider.encryption] },
  };

  return {
    config,
    helseid: { issuer: helseid.origin, service },
    selfService: { baseUrl: selfService.origin, behaviour: selfServiceBehaviour },
    rest: { baseUrl: rest.origin, state, aktivsjekken, counts },
    registries: {
      cppaBaseUrl: `${registries.origin}/v2/`,
      communicationPartyBaseUrl: registries.origin,
      soapBaseUrl: registries.origin,
      soapCredentials: credentials,
      async sendEvent(source, eventName, herId) {
        const applicationProperties = { eventName, ...(herId === undefined ? {} : { herId }) };
        for (const queue of subscriptions.queuesFor(source, eventName))
          await counterpartTransport.publish(queue, {
            messageId: randomUUID(),
            to: queue,
            subject: eventName,
            applicationProperties,
            body: new Uint8Array(),
          });
      },
    },
    amqp: { url: amqpUrl, namespace, broker },
    client,
    parties,
    identities,
    citizens,
    counterpart,
    counterpartTransport,
    faults,
    capture,
    setStatus: (fnr, status) => void statuses.set(fnr, status),
    async close() {
      await closeAll(opened);
      await capture.flush();
    },
  };
}

async function makeFolder(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
  } catch (error) {
    throw new HelsekontaktError("config/invalid", "expected a folder that can be made and written to, found none", {
      hint: `check the path ${dir}: no part of it may be a file`,
      original: error,
    });
  }
}

/**
 * Writes the identities as PEM files, for commands and other programs; the folder's content is synthetic.
 *
 * @throws {HelsekontaktError} `config/invalid` when the folder cannot be made
 */
export async function writeIdentities(identities: SandboxIdentities, dir: string): Promise<void> {
  await makeFolder(dir);
  await writeFile(join(dir, "ca.crt.pem"), identities.authority.certificate.toString());
  for (const owner of ["helsenorge", "provider"] as const) {
    for (const use of ["signing", "encryption"] as const) {
      const { certificate, key } = identities[owner][use];
      await writeFile(join(dir, `${owner}-${use}.crt.pem`), certificate.toString());
      await writeFile(join(dir, `${owner}-${use}.key.pem`), key.export({ type: "pkcs8", format: "pem" }), {
        mode: 0o600,
      });
    }
  }
}

async function createClient(): Promise<SandboxClient> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = await exportJWK(privateKey);
  return {
    clientId: "b1f6f1d2-5f5c-4d0e-9d0a-5a9d0c7e1a01",
    jwk: { ...jwk, alg: "ES256", use: "sig", kid: await calculateJwkThumbprint(jwk) },
    organisationNumber: "998888887",
  };
}

function publicPart({ d: _private, ...rest }: JWK): JWK {
  return rest;
}

/** Request and answer as files; the authorization header is left out. */
function exchangeFiles(request: SandboxRequest, response: SandboxResponse): Record<string, string | Uint8Array> {
  const { body } = response;
  const answer = typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body ?? null, null, 2);
  const ending = Buffer.isBuffer(body) ? "response.xml" : "response.json";
  return {
    "request.txt": `${request.method} ${request.url.pathname}\n`,
    ...(request.body.length > 0 ? { "request.json": request.body } : {}),
    [ending]: answer,
  };
}
