import { randomUUID } from "node:crypto";
import {
  type AmqpConnection,
  connectAmqp,
  createMessenger,
  type ErrorQueueMessage,
  type Messenger,
  type PartyRegistry,
  readEnvelope,
  type Subscription,
} from "@helsekontakt/amqp-messaging";
import type { CertificateWatch, KeySource } from "@helsekontakt/amqp-messaging/protection";
import { type Clock, HelsekontaktError, type Logger, throwIfAborted } from "@helsekontakt/core";
import type { Journal, OutboxClaim } from "@helsekontakt/journal";
import type { AmqpConfig, TrustConfig } from "../config.ts";
import type { EkontaktInbound } from "../flows/ekontakt.ts";
import { orderOf } from "./arrived.ts";
import { brokerSettings } from "./broker-settings.ts";
import { rememberCertificates, watchMessagingCertificates } from "./certificate-watch.ts";
import { runDispatcher, type SendOne } from "./dispatcher.ts";
import type { EventSink } from "./events.ts";
import type { StopSignals } from "./claim-loop.ts";
import { assessHealth, type Health } from "./health.ts";
import { type InboundOptions, runInbox } from "./inbound.ts";
import { isPlain } from "./read-head.ts";
import { takeMessage } from "./take-message.ts";

/** What {@link Runtime} is made of. */
export interface RuntimeOptions {
  readonly journal: Journal;
  readonly amqp: AmqpConfig;
  readonly amqpNamespace: string | undefined;
  readonly amqpHost: string | undefined;
  readonly keys: KeySource;
  readonly trust: TrustConfig | undefined;
  readonly registry: PartyRegistry;
  /** Hears of changes in the registries through the connection. */
  readonly follow: ((queues: AmqpConnection) => { stop(): Promise<void> }) | undefined;
  readonly ekontakt: EkontaktInbound;
  readonly ownHerId: string;
  readonly helsenorgeHerId: string;
  readonly receiptWithinMs: number;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly emit: EventSink;
}

/** How long handlers that do not heed their signal are waited for after the drain. */
const graceMs = 1_000;

/** Everything that runs while the messaging part is started: connection, dispatcher, inbox, deadlines. */
export class Runtime {
  readonly #options: RuntimeOptions;
  #started: Promise<void> | undefined;
  #stopping = new AbortController();
  #aborting = new AbortController();
  #connection: AmqpConnection | undefined;
  #certificates: CertificateWatch | undefined;
  #loops: Promise<unknown>[] = [];
  #subscriptions: Subscription[] = [];
  #followed: { stop(): Promise<void> } | undefined;
  #unlisten: (() => void) | undefined;

  constructor(options: RuntimeOptions) {
    this.#options = options;
  }

  /** Starts once; a second call waits for the first. */
  start(signal: AbortSignal | undefined): Promise<void> {
    this.#started ??= this.#begin(signal);
    return this.#started;
  }

  async #begin(signal: AbortSignal | undefined): Promise<void> {
    try {
      throwIfAborted(signal);
      this.#stopping = new AbortController();
      this.#aborting = new AbortController();
      await this.#open({ stopping: this.#stopping.signal, aborting: this.#aborting.signal }, signal);
    } catch (error) {
      await this.#end(0);
      throw error;
    }
  }

  async #open(running: StopSignals, starting: AbortSignal | undefined): Promise<void> {
    const { amqp, journal, keys, logger, emit, clock, trust } = this.#options;
    const registry = rememberCertificates(this.#options.registry);
    const own = starting === undefined ? {} : { signal: starting };
    // Keys that cannot be read are told at the start, and not with the first message.
    await keys();
    const queues = await this.#queues(starting);
    const connection = await connectAmqp(
      {
        ...brokerSettings(amqp, this.#options),
        logger,
        onState: (event) =>
          emit({
            type: "connection",
            state: event.kind === "blocked" ? (event.answering ? "answering" : "blocked") : event.state,
          }),
      },
      own,
    );
    this.#connection = connection;
    this.#followed = this.#options.follow?.(connection);
    this.#unlisten = journal.setAside.onAside((notice) => emit({ type: "set-aside", ...notice }));
    const messenger = createMessenger({
      connection,
      registry,
      queues,
      keys,
      ...(trust?.signers === undefined ? {} : { trust: trust.signers }),
      ...(trust?.receivers === undefined ? {} : { recipientTrust: trust.receivers }),
      ...(amqp.metadata === undefined ? {} : { metadata: amqp.metadata }),
      // Reports outlive the process, as messages do.
      reports: { isReported: (key) => journal.reports.has(key), reported: (key) => journal.reports.add(key) },
      // An AppRec that names no function answers one that is in no agreement.
      alwaysAllowed: ["APPREC"],
      clock,
      logger,
      onEvent: (event) => {
        const line = event.kind === "refused" ? event.error.context["line"] : undefined;
        if (event.kind === "refused")
          emit({
            type: "refused",
            condition: event.condition,
            code: event.error.code,
            ...(typeof line === "number" ? { line } : {}),
            reported: event.reported,
          });
        if (event.kind === "retry")
          emit({
            type: "delivery-retried",
            ...(event.error === undefined ? {} : { code: event.error.code }),
            tries: event.tries,
          });
        if (event.kind === "dead-letter") emit({ type: "dead-letter", reason: event.reason });
      },
    });
    this.#certificates = watchMessagingCertificates({ keys, partners: registry, clock, logger, emit });
    const owner = randomUUID();
    const inbound: InboundOptions = {
      journal,
      ekontakt: this.#options.ekontakt,
      owner,
      receiptWithinMs: this.#options.receiptWithinMs,
      leaseMs: this.#options.leaseMs,
      ...(amqp.orderBy === undefined ? {} : { orderBy: orderOf(amqp.orderBy) }),
      clock,
      logger,
      emit,
    };
    this.#subscribe(messenger, queues, inbound, amqp);
    await Promise.all(this.#subscriptions.map((s) => s.attached));
    this.#loops = [
      runDispatcher(
        {
          journal,
          owner,
          logger,
          emit,
          leaseMs: this.#options.leaseMs,
          send: (claim, options) => this.#send(messenger, claim, options),
        },
        running,
      ),
      runInbox(inbound, amqp.concurrency ?? 5, running),
      this.#watchDeadlines(running.stopping),
    ];
  }

  #subscribe(
    messenger: Messenger,
    queues: { readonly async: string; readonly error?: string },
    inbound: InboundOptions,
    { concurrency = 5, readAhead, functionLimits }: AmqpConfig,
  ): void {
    const { journal, emit } = this.#options;
    const { orderBy } = inbound;
    this.#subscriptions.push(
      messenger.receive(queues.async, (message) => takeMessage(inbound, message, message.signal), {
        concurrency,
        ...(readAhead === undefined ? {} : { readAhead }),
        ...(functionLimits === undefined ? {} : { functionLimits }),
        ...(orderBy === undefined ? {} : { orderBy: (message) => orderBy(readEnvelope(message)) }),
      }),
    );
    if (queues.error === undefined) return;
    this.#subscriptions.push(
      messenger.receiveErrors(queues.error, async (message) => {
        const { originalMessageId, condition } = undeliverableFacts(message);
        const entry =
          originalMessageId === undefined
            ? undefined
            : await journal.outbox.reportUndeliverable(originalMessageId, condition);
        emit({
          type: "undeliverable",
          originalMessageId: originalMessageId ?? "",
          condition,
          known: entry !== undefined,
        });
        if (entry?.application === "accepted")
          emit({
            type: "error-after-accepted",
            by: "error-report",
            id: entry.id,
            function: entry.kind,
            ...(entry.msgId === undefined ? {} : { msgId: entry.msgId }),
            codes: [condition],
          });
      }),
    );
  }

  async #send(messenger: Messenger, claim: OutboxClaim, options: Parameters<SendOne>[1]): Promise<void> {
    const acknowledges = claim.properties["acknowledges"];
    await messenger.protectAndSend(
      {
        messageId: claim.messageId,
        function: claim.kind,
        fromHerId: claim.from,
        toHerId: claim.to,
        payload: claim.payload,
        ...(claim.conversation === undefined ? {} : { conversationId: claim.conversation }),
        ...(acknowledges === undefined ? {} : { acknowledges }),
      },
      options,
    );
  }

  /** Own queues: as configured, else as the address registry has them for the first own service. */
  async #queues(signal: AbortSignal | undefined): Promise<{ async: string; error?: string }> {
    const given = this.#options.amqp.queues ?? {};
    if (given.async !== undefined)
      return { async: given.async, ...(given.error === undefined ? {} : { error: given.error }) };
    const own = await this.#options.registry.resolve({
      herId: this.#options.ownHerId,
      ownHerId: this.#options.helsenorgeHerId,
      function: "APPREC",
      ...(signal === undefined ? {} : { signal }),
    });
    if (own.queues.async === undefined) {
      throw new HelsekontaktError(
        "registry/no-queue",
        "expected the own party to have an asynchronous queue in the address registry, found none",
        {
          hint: "set amqp.queues.async, or correct the entry in Adresseregisteret",
        },
      );
    }
    return { async: own.queues.async, ...(own.queues.error === undefined ? {} : { error: own.queues.error }) };
  }

  /** Marks messages overdue whose AppRec has not come in time, and tells. */
  async #watchDeadlines(signal: AbortSignal): Promise<void> {
    const { journal, emit, clock, logger } = this.#options;
    // A message sent after this look may be due before the next one.
    const longest = Math.min(Math.max(this.#options.receiptWithinMs, 250), 30_000);
    while (!signal.aborted) {
      try {
        for (const entry of await journal.receipts.overdue({ signal })) {
          emit({
            type: "overdue",
            function: entry.kind,
            id: entry.id,
            ...(entry.msgId === undefined ? {} : { msgId: entry.msgId }),
            escalation: entry.escalations,
          });
        }
        const next = await journal.receipts.nextDeadline({ signal });
        await clock.sleep(Math.min(Math.max((next ?? Number.POSITIVE_INFINITY) - clock.now(), 250), longest), signal);
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("deadlines cannot be looked at, trying again", { code: HelsekontaktError.from(error).code });
        await clock.sleep(1_000, signal).catch(() => {});
      }
    }
  }

  /** Asks nobody but the journal. */
  health(signal: AbortSignal | undefined): Promise<Health> {
    const { journal, keys, clock } = this.#options;
    return assessHealth({
      connection: this.#connection,
      journal,
      keys,
      clock,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Stops taking messages, lets handlers and sends finish within the limit, closes the connection. */
  async stop(drainMs: number): Promise<void> {
    if (this.#started === undefined) return;
    await this.#started.catch(() => {});
    await this.#end(drainMs);
  }

  async #end(drainMs: number): Promise<void> {
    const loops = Promise.allSettled(this.#loops);
    this.#stopping.abort();
    const followed = this.#followed?.stop();
    await within(
      drainMs,
      Promise.all([loops, Promise.allSettled(this.#subscriptions.map((s) => s.stop({ drainMs })))]),
    );
    this.#aborting.abort();
    await within(graceMs, loops);
    await within(graceMs, Promise.resolve(followed));
    await this.#connection?.close({ drainMs: Math.min(drainMs, graceMs) });
    this.#certificates?.stop();
    this.#certificates = undefined;
    this.#unlisten?.();
    this.#unlisten = undefined;
    this.#connection = undefined;
    this.#followed = undefined;
    this.#subscriptions = [];
    this.#loops = [];
    this.#started = undefined;
  }
}

/** Waits for `work`, but not longer than `ms` milliseconds. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}

/** What an error queue tells; ids and conditions that are not plain may quote anything and go no further. */
function undeliverableFacts(message: ErrorQueueMessage): {
  readonly originalMessageId: string | undefined;
  readonly condition: string;
} {
  const [id, condition = "unknown"] =
    message.kind === "report"
      ? [message.report.originalMessageId, message.report.condition]
      : message.kind === "soap-fault"
        ? [message.fault.messageId, message.fault.code ?? "soap-fault"]
        : [];
  return {
    originalMessageId: id !== undefined && isPlain(id) ? id : undefined,
    condition: isPlain(condition) ? condition : "unknown",
  };
}
