import { hostname } from "node:os";
import { randomUUID } from "node:crypto";
import { HelsekontaktError, type Logger, silentLogger } from "@helsekontakt/core";
import type { AddressDialect } from "./address.ts";
import type { StateListener } from "./state.ts";

/** TLS options beyond the defaults: TLS 1.2 or newer, the system's trust store, server name = host. */
export interface AmqpTlsSettings {
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string | readonly string[];
  readonly servername?: string;
  /** PEM client certificate and key, where the broker asks for one. */
  readonly cert?: string;
  readonly key?: string;
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
}

/** Limits of what one queue's sender has unsettled on the wire at a time. */
export interface SendWindow {
  readonly messages: number;
  readonly bytes: number;
}

/** How to reach a broker, and the limits under which it is used. */
export interface AmqpSettings {
  /** `amqps://user:password@host:port/Exchange`; user and password percent-encoded. Parts given beside it win. */
  readonly url?: string;
  readonly host?: string;
  /** Default 5671 with TLS, 5672 without. */
  readonly port?: number;
  readonly transport?: "tls" | "tcp";
  readonly username?: string;
  /** A value, or a function that is asked at every attempt to connect. */
  readonly password?: string | (() => string | Promise<string>);
  readonly tls?: AmqpTlsSettings;
  /** The exchange, case-sensitive (`NHNTESTServiceBus`). Without one the queue's name is the address to send to. */
  readonly namespace?: string;
  /**
   * Form of addresses. Default `auto`: by what the broker says of itself when the connection opens; RabbitMQ's first
   * form for one that says nothing.
   */
  readonly dialect?: AddressDialect | "auto";
  /** Container id on the wire; default `helsekontakt-` with host name and a random part. */
  readonly containerId?: string;
  /** A peer silent for twice this long, and a second, counts as dead. Default 10,000 ms: noticed within 21 s. */
  readonly idleTimeoutMs?: number;
  /** A broker that is up and leaves sends unanswered this long is told as `blocked`. Default 15,000 ms. */
  readonly answerTimeoutMs?: number;
  /** Limit of one attempt to connect. Default 10,000 ms. */
  readonly attemptTimeoutMs?: number;
  /** How long `connectAmqp` keeps trying before it gives up. Default 30,000 ms. Later losses are retried without end. */
  readonly connectTimeoutMs?: number;
  /** First and longest pause between attempts; each is drawn between half and the whole. Default 200 and 2,000 ms. */
  readonly backOffMs?: { readonly initial: number; readonly max: number };
  /** Limit of one send, from the call to the broker's outcome. Default 60,000 ms. */
  readonly sendTimeoutMs?: number;
  /** Default 100 messages and 16 MiB. */
  readonly sendWindow?: SendWindow;
  /** What may wait behind the window of one queue. Default 10,000 messages and 128 MiB; more is refused. */
  readonly sendBuffer?: SendWindow;
  /** Queues with an open sender; the one longest idle is closed for a new one. Default 100. */
  readonly maxSenders?: number;
  /** Larger messages are neither sent nor given to a handler. Default 50 MiB. */
  readonly maxMessageBytes?: number;
  readonly logger?: Logger;
  readonly onState?: StateListener;
}

/** @internal */
export interface ResolvedSettings {
  readonly host: string;
  readonly port: number;
  readonly transport: "tls" | "tcp";
  readonly username: string | undefined;
  readonly password: () => Promise<string | undefined>;
  readonly tls: AmqpTlsSettings;
  readonly namespace: string | undefined;
  readonly dialect: AddressDialect | "auto";
  readonly containerId: string;
  readonly idleTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly backOffMs: { readonly initial: number; readonly max: number };
  readonly sendTimeoutMs: number;
  readonly sendWindow: SendWindow;
  readonly sendBuffer: SendWindow;
  readonly maxSenders: number;
  readonly maxMessageBytes: number;
  readonly logger: Logger;
}

const mib = 1024 * 1024;

/** The parts of a connection string. */
export interface AmqpUrlParts {
  readonly host: string;
  readonly port: number;
  readonly transport: "tls" | "tcp";
  readonly username?: string;
  readonly password?: string;
  readonly namespace?: string;
}

/**
 * Takes a connection string apart. The path is not a virtual host: it is the exchange from which addresses are formed.
 *
 * @throws {HelsekontaktError} `config/invalid`
 * @see amqp-wire: the connection string of NHN's broker
 */
export function parseAmqpUrl(text: string): AmqpUrlParts {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new HelsekontaktError(
      "config/invalid",
      "expected a connection string amqps://user:password@host:port/Exchange",
    );
  }
  if (url.protocol !== "amqps:" && url.protocol !== "amqp:")
    throw new HelsekontaktError(
      "config/invalid",
      `expected the scheme amqps or amqp, found "${url.protocol.slice(0, -1)}"`,
    );
  if (url.hostname === "")
    throw new HelsekontaktError("config/invalid", "expected a host in the connection string, found none");
  const tls = url.protocol === "amqps:";
  const namespace = decode(url.pathname.replace(/^\/+/, ""), "exchange");
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (tls ? 5671 : 5672) : Number(url.port),
    transport: tls ? "tls" : "tcp",
    ...(url.username === "" ? {} : { username: decode(url.username, "user name") }),
    ...(url.password === "" ? {} : { password: decode(url.password, "password") }),
    ...(namespace === "" ? {} : { namespace }),
  };
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HelsekontaktError("config/invalid", `expected the ${what} percent-encoded as UTF-8`);
  }
}

/** @internal */
export function resolveSettings(settings: AmqpSettings): ResolvedSettings {
  const parts: Partial<AmqpUrlParts> = settings.url === undefined ? {} : parseAmqpUrl(settings.url);
  const host = settings.host ?? parts.host;
  if (host === undefined)
    throw new HelsekontaktError("config/missing", "expected a broker: url or host, found neither");
  const transport = settings.transport ?? parts.transport ?? "tls";
  const namespace = (settings.namespace ?? parts.namespace)?.replace(/^\/+/, "");
  const { password = parts.password } = settings;
  const resolved: ResolvedSettings = {
    host,
    port: settings.port ?? parts.port ?? (transport === "tls" ? 5671 : 5672),
    transport,
    username: settings.username ?? parts.username,
    password: async () => (typeof password === "function" ? await password() : password),
    tls: settings.tls ?? {},
    namespace: namespace === "" ? undefined : namespace,
    dialect: settings.dialect ?? "auto",
    containerId: settings.containerId ?? `helsekontakt-${hostname()}-${randomUUID().slice(0, 8)}`,
    idleTimeoutMs: settings.idleTimeoutMs ?? 10_000,
    answerTimeoutMs: settings.answerTimeoutMs ?? 15_000,
    attemptTimeoutMs: settings.attemptTimeoutMs ?? 10_000,
    connectTimeoutMs: settings.connectTimeoutMs ?? 30_000,
    backOffMs: settings.backOffMs ?? { initial: 200, max: 2_000 },
    sendTimeoutMs: settings.sendTimeoutMs ?? 60_000,
    sendWindow: settings.sendWindow ?? { messages: 100, bytes: 16 * mib },
    sendBuffer: settings.sendBuffer ?? { messages: 10_000, bytes: 128 * mib },
    maxSenders: settings.maxSenders ?? 100,
    maxMessageBytes: settings.maxMessageBytes ?? 50 * mib,
    logger: settings.logger ?? silentLogger,
  };
  // The session of rhea holds 2,048 deliveries; more unsettled at a time would overflow it.
  if (resolved.sendWindow.messages < 1 || resolved.sendWindow.messages > 2_000)
    throw new HelsekontaktError("config/invalid", "expected sendWindow.messages from 1 to 2000");
  return resolved;
}
