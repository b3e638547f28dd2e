import type { AmqpConnection, ConnectionHealth } from "@helsekontakt/amqp-messaging";
import { certificateFacts, type OwnKeys } from "@helsekontakt/amqp-messaging/protection";
import type { Clock } from "@helsekontakt/core";
import type { Box, Journal } from "@helsekontakt/journal";

/** How bad it is. `warning`: somebody should look in working hours. `failing`: messages do not come through. */
export type HealthLevel = "ok" | "warning" | "failing";

/** One thing that is not as it should be. Ids, codes and counts only. */
export interface HealthReason {
  readonly level: Exclude<HealthLevel, "ok">;
  readonly code:
    | "not-started"
    | "not-connected"
    | "broker-silent"
    | "queue-detached"
    | "handler-slow"
    | "outbox-late"
    | "set-aside"
    | "certificate-expires"
    | "certificate-expired"
    | "keys-unreadable"
    | "journal-unreadable";
  /** What was expected, and what was found. */
  readonly message: string;
  readonly hint: string;
}

/** How the messaging part does, at this moment. */
export interface Health {
  readonly level: HealthLevel;
  /** The connection is open, the broker answers, and every queue is attached: for readiness probes. */
  readonly ready: boolean;
  readonly reasons: readonly HealthReason[];
  /** Connection and links; absent before `start()`. */
  readonly connection?: ConnectionHealth;
}

/** @internal What {@link assessHealth} looks at. */
export interface HealthSources {
  readonly connection: AmqpConnection | undefined;
  readonly journal: Journal;
  readonly keys: () => OwnKeys | Promise<OwnKeys>;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

const dayMs = 86_400_000;
/** A handler that has run so long holds a place that others wait for. */
const slowHandlerMs = 5 * 60_000;
/** A message that could not be sent for so long is late for a citizen. */
const lateMs = 60 * 60_000;
/** Days before a certificate's end at which it is told. */
const certificateDays = 60;
/** Days that are left when it becomes urgent. */
const urgentDays = 7;

/** @internal Asks nobody but the journal. */
export async function assessHealth(sources: HealthSources): Promise<Health> {
  const connection = sources.connection?.health();
  const reasons = [...ofConnection(connection), ...(await ofKeys(sources)), ...(await ofJournal(sources))];
  return {
    level: reasons.some((r) => r.level === "failing") ? "failing" : reasons.length > 0 ? "warning" : "ok",
    ready: connection?.ready === true,
    reasons,
    ...(connection === undefined ? {} : { connection }),
  };
}

function ofConnection(connection: ConnectionHealth | undefined): HealthReason[] {
  const failing = (code: HealthReason["code"], message: string, hint: string): HealthReason[] => [
    { level: "failing", code, message, hint },
  ];
  if (connection === undefined)
    return failing("not-started", "expected start() to have been called, found it was not", "call start()");
  if (connection.state !== "open")
    return failing(
      "not-connected",
      `expected an open connection, found it ${connection.state}`,
      "messages wait in the journal; `helsekontakt doctor` tells whether it is name, TLS, login or the broker",
    );
  if (!connection.answering)
    return failing(
      "broker-silent",
      "expected the broker to answer, found it silent",
      "it is full, paused or frozen; messages wait in the journal",
    );
  return connection.subscriptions.flatMap((s): HealthReason[] => {
    if (!s.attached)
      return failing(
        "queue-detached",
        `expected the queue ${s.queue} to be attached, found it detached`,
        "it is attached again by itself; if it stays so, the queue is gone or the login may not read it",
      );
    if (s.oldestHandlerMs < slowHandlerMs) return [];
    const minutes = Math.floor(s.oldestHandlerMs / 60_000);
    return [
      {
        level: "warning",
        code: "handler-slow",
        message: `expected handlers of ${s.queue} to end within ${slowHandlerMs / 60_000} minutes, found one that has run for ${minutes}`,
        hint: "a handler that waits for something should decide retryLater() instead",
      },
    ];
  });
}

async function ofKeys({ keys, clock }: HealthSources): Promise<HealthReason[]> {
  let own: OwnKeys;
  try {
    own = await keys();
  } catch {
    return [
      {
        level: "failing",
        code: "keys-unreadable",
        message: "expected the own keys to be readable, found that their source fails",
        hint: "nothing can be signed or opened; see the log for the source's own error",
      },
    ];
  }
  const { signing, decryption = [] } = own;
  const all = [
    ...(signing === undefined ? [] : [["signing", signing] as const]),
    // Earlier keys only open what was sent before: they may have run out.
    ...decryption.slice(0, 1).map((identity) => ["decryption", identity] as const),
  ];
  return all.flatMap(([use, { certificate }]): HealthReason[] => {
    const days = Math.floor((certificate.validToDate.getTime() - clock.now()) / dayMs);
    if (days > certificateDays) return [];
    const { thumbprint } = certificateFacts(certificate);
    const expired = days < 0;
    return [
      {
        level: expired ? "failing" : "warning",
        code: expired ? "certificate-expired" : "certificate-expires",
        message: `expected the ${use} certificate ${thumbprint} to hold for more than ${certificateDays} days, found ${expired ? "that it has expired" : `${days} left`}`,
        hint: `${days <= urgentDays ? "now: " : ""}order a new one, add it beside the old one, and register it`,
      },
    ];
  });
}

async function ofJournal({ journal, clock, signal }: HealthSources): Promise<HealthReason[]> {
  const options = { limit: 1, ...(signal === undefined ? {} : { signal }) };
  try {
    const [oldest] = await journal.outbox.list({ transport: "queued", ...options });
    const late = oldest === undefined ? 0 : clock.now() - oldest.createdAt;
    const aside = async (box: Box): Promise<HealthReason[]> =>
      (await journal.setAside.list(box, options)).length === 0
        ? []
        : [
            {
              level: "warning",
              code: "set-aside",
              message: `expected nothing set aside in the ${box}, found messages`,
              hint: "look at them with journal.setAside.list(), then retry or drop them",
            },
          ];
    return [
      ...(late < lateMs
        ? []
        : [
            {
              level: "warning" as const,
              code: "outbox-late" as const,
              message: `expected messages to leave within an hour, found one that has waited for ${Math.floor(late / 60_000)} minutes`,
              hint: "send-failed events name the code: registry, token service or broker",
            },
          ]),
      ...(await aside("outbox")),
      ...(await aside("inbox")),
    ];
  } catch {
    return [
      {
        level: "failing",
        code: "journal-unreadable",
        message: "expected the journal to be readable, found that it is not",
        hint: "nothing is sent and nothing is taken until it is; look at its disk or database",
      },
    ];
  }
}
