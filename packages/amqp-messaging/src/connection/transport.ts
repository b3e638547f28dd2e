import net from "node:net";
import tls from "node:tls";
import { HelsekontaktError, waitFor } from "@helsekontakt/core";
import rhea, { type Connection, type ConnectionOptions, type EventContext, type Session } from "rhea";
import { type AddressDialect, receiverAddress, senderAddress } from "./address.ts";
import { connectionError, remoteError } from "./amqp-error.ts";
import { prepareSession } from "./deliveries.ts";
import { wholeFrames } from "./frame-input.ts";
import { detectDialect } from "./dialect.ts";
import { paceTransfers } from "./paced-output.ts";
import type { ResolvedSettings } from "./settings.ts";

/**
 * @internal One connection to the broker, from its opening to its loss. rhea's own reconnecting is off: it forgets
 * unsettled deliveries without a word, so every attempt is a new connection and links are attached anew.
 */
export interface Transport {
  readonly connection: Connection;
  /** Resolves once, when the connection is gone. */
  readonly down: Promise<HelsekontaktError>;
  /** By setting, or by what this peer says of itself. */
  readonly dialect: AddressDialect;
  address(role: "sender" | "receiver", queue: string): string;
  isUp(): boolean;
  /** A session for one link; RabbitMQ answers a link's error by ending the session. */
  openSession(): Session;
  /** Says goodbye, waits at most `limitMs` for the answer, then cuts. */
  close(limitMs: number): Promise<void>;
}

/** Bytes of one frame, either way: of a message that comes in one, nothing is joined and so nothing copied twice. */
const largestFrame = 1_048_576;

const closed = (): HelsekontaktError => new HelsekontaktError("amqp/closed", "the connection was closed by this side");

/**
 * @internal
 * @throws {HelsekontaktError} `amqp/unauthorized`, `amqp/connection`, `abort/cancelled`
 */
export async function openTransport(settings: ResolvedSettings, signal: AbortSignal): Promise<Transport> {
  const password = await givePassword(settings, signal);
  if (signal.aborted) throw closed();
  const container = rhea.create_container({ id: settings.containerId });
  // A link or session error that nobody listens to ends as "error" of the container: without a listener it would end the process.
  container.on("error", () => {});
  let socket: net.Socket | undefined;
  let lastError: unknown;
  let up = false;
  let gone = false;
  let closing = false;

  return await new Promise<Transport>((resolve, reject) => {
    let announce: ((error: HelsekontaktError) => void) | undefined;
    const down = new Promise<HelsekontaktError>((r) => {
      announce = r;
    });
    const lost = (error?: unknown): void => {
      lastError ??= error;
      if (gone) return;
      gone = true;
      up = false;
      clearTimeout(limit);
      signal.removeEventListener("abort", abort);
      stopTimers(connection);
      if (socket !== undefined && !socket.destroyed) socket.destroy();
      const reason = closing ? closed() : connectionError(lastError);
      announce?.(reason);
      reject(reason);
    };
    const abort = (): void => lost(closed());
    const limit = setTimeout(
      () =>
        lost(
          new HelsekontaktError(
            "amqp/connection",
            `expected the broker to open the connection within ${settings.attemptTimeoutMs} ms`,
          ),
        ),
      settings.attemptTimeoutMs,
    );
    signal.addEventListener("abort", abort, { once: true });

    const connection = container.create_connection(
      connectionOptions(settings, password, (s) => {
        socket = s;
        // rhea listens to "end" and "error" only; a socket that just closes would go unnoticed.
        s.on("error", (e) => (lastError ??= e));
        s.on("close", () => lost());
      }),
    );
    const remember = (context: EventContext | Error): void => {
      lastError ??= "error" in context ? context.error : context;
      settings.logger.debug("the broker or rhea reported an error", { condition: remoteError(lastError).condition });
    };
    for (const name of ["error", "protocol_error", "connection_error"]) connection.on(name, remember);
    connection.on("connection_close", (context: EventContext) => {
      remember(context);
      // The peer's close is answered by rhea in the next tick; the session state is worthless from now on.
      setImmediate(lost);
    });
    connection.on("disconnected", (context: EventContext) => lost(context.error));
    connection.on("session_error", () => {});
    connection.on("connection_open", () => {
      if (gone) return;
      up = true;
      clearTimeout(limit);
      signal.removeEventListener("abort", abort);
      const dialect =
        settings.dialect === "auto" ? detectDialect(settings.host, connection.properties) : settings.dialect;
      resolve({
        connection,
        down,
        dialect,
        address: (role, queue) =>
          (role === "sender" ? senderAddress : receiverAddress)(dialect, settings.namespace, queue),
        isUp: () => up,
        openSession: () => {
          const session = connection.create_session();
          prepareSession(session);
          paceTransfers(session, largestFrame);
          session.open();
          return session;
        },
        close: (limitMs) => {
          closing = true;
          connection.close();
          const cut = setTimeout(lost, limitMs);
          return down.then(() => clearTimeout(cut));
        },
      });
    });
    const inner = connection as unknown as { connect(): void; input(bytes: Buffer): void };
    inner.input = wholeFrames(inner.input.bind(connection), largestFrame);
    try {
      inner.connect();
    } catch (error) {
      lost(error);
    }
  });
}

/** What an application's function throws may hold secrets, so nothing of it is told. */
async function givePassword(settings: ResolvedSettings, signal: AbortSignal): Promise<string | undefined> {
  try {
    return await waitFor(settings.password(), signal);
  } catch (original) {
    if (signal.aborted) throw closed();
    throw new HelsekontaktError("amqp/connection", "expected the password function to give a password, it failed", {
      original,
    });
  }
}

function connectionOptions(
  settings: ResolvedSettings,
  password: string | undefined,
  onSocket: (socket: net.Socket) => void,
): ConnectionOptions {
  const { host, port, transport } = settings;
  const { ca, cert, key, servername, minVersion } = settings.tls;
  return {
    host,
    port,
    hostname: host,
    container_id: settings.containerId,
    max_frame_size: largestFrame,
    channel_max: 255,
    idle_time_out: settings.idleTimeoutMs,
    reconnect: false,
    tcp_no_delay: true,
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...(password === undefined ? {} : { password }),
    connection_details: () => ({
      host,
      port,
      transport,
      connect: (_port: number, _host: string, _options: unknown, connected: () => void): net.Socket => {
        const socket =
          transport === "tcp"
            ? net.connect(port, host, connected)
            : tls.connect(
                {
                  host,
                  port,
                  servername: servername ?? (net.isIP(host) === 0 ? host : ""),
                  minVersion: minVersion ?? "TLSv1.2",
                  ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] }),
                  ...(cert === undefined ? {} : { cert }),
                  ...(key === undefined ? {} : { key }),
                },
                connected,
              );
        joinWrites(socket);
        onSocket(socket);
        return socket;
      },
    }),
  } as ConnectionOptions;
}

/** Beyond this many bytes joining gains nothing, and holding back costs. */
const joinedBytes = 64 * 1024;

/** rhea writes frame by frame; small frames of one turn of the event loop leave in one system call. */
function joinWrites(socket: net.Socket): void {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let corked = false;
  const flush = (): void => {
    if (!corked) return;
    corked = false;
    socket.uncork();
  };
  const joined = (...args: unknown[]): boolean => {
    if (!corked && socket.writableLength < joinedBytes) {
      corked = true;
      socket.cork();
      setImmediate(flush);
    }
    const more = write(...args);
    if (socket.writableLength >= joinedBytes) flush();
    return more;
  };
  socket.write = joined as typeof socket.write;
}

/** rhea clears its heartbeat timers only on the path of "end" and "error"; this is that path, by its own name. */
function stopTimers(connection: Connection): void {
  const inner = connection as unknown as { _disconnected?: () => void };
  connection.removeAllListeners("disconnected");
  connection.on("disconnected", () => {});
  inner._disconnected?.();
}

/** @internal Ends a session and waits, not for long, for the broker's end. */
export function endSession(session: Session, transport: Transport): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 3_000);
    const over = (): void => {
      clearTimeout(timer);
      resolve();
    };
    for (const name of ["session_close", "session_error"]) session.on(name, over);
    void transport.down.then(over);
    session.close();
  });
}
