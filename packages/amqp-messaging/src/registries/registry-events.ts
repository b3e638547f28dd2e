import {
  type Clock,
  HelsekontaktError,
  type Logger,
  silentLogger,
  systemClock,
  throwIfAborted,
  waitFor,
} from "@helsekontakt/core";
import { queueNameFromAddress } from "../connection/address.ts";
import { fieldText, herIdText } from "../envelope/values.ts";
import type { RegistryEventSource } from "../gen/registries.ts";
import type { ServiceBusManager } from "./service-bus-manager.ts";

/** A change that a registry tells of. */
export interface RegistryEvent {
  /** `CommunicationPartyUpdated`, `CpaCreated`, … */
  readonly name: string;
  /** Parties that it is about; empty when it does not say. */
  readonly herIds: readonly string[];
}

/**
 * Reads an event: name and HER-ids stand in the application properties, the body says nothing.
 *
 * Inferred: that events of agreements name their parties in properties whose name holds "herId", as those of parties do.
 *
 * @returns nothing for a message that is no event.
 */
export function readRegistryEvent(properties: ReadonlyMap<string, unknown>): RegistryEvent | undefined {
  let name: string | undefined;
  const herIds = new Set<string>();
  for (const [key, value] of properties) {
    if (key.toLowerCase() === "eventname") name = fieldText(value)?.trim();
    const herId = /herid/iu.test(key) ? herIdText(value) : undefined;
    if (herId !== undefined) herIds.add(herId);
  }
  return name === undefined ? undefined : { name, herIds: [...herIds] };
}

/** The part of an AMQP connection that events come through: `AmqpConnection` is one. */
export interface EventQueues {
  receive(
    queue: string,
    handler: (delivery: {
      readonly message: { readonly applicationProperties: ReadonlyMap<string, unknown> };
    }) => Promise<"accept">,
  ): { readonly attached: Promise<void>; stop(): Promise<void> };
}

/** How {@link followRegistryEvents} subscribes. */
export interface FollowOptions {
  readonly serviceBus: ServiceBusManager;
  readonly queues: EventQueues;
  /** What forgets: usually the registry of `createPartyRegistry`. */
  readonly registry: { invalidate(herId?: string): void };
  /** Names this subscriber. Several processes that each keep answers need a name each: one queue is read by turns. */
  readonly userSystemIdent: string;
  /** Default: parties and agreements. */
  readonly sources?: readonly RegistryEventSource[];
  /** Milliseconds between tries to subscribe and to attach: the queue is made after the answer. Default 10,000. */
  readonly retryMs?: number;
  /** Told of each event after the registry has forgotten; what it throws is logged. */
  readonly onEvent?: (event: RegistryEvent) => void;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** Events being followed. */
export interface FollowedEvents {
  /** Resolves when every queue is attached; rejects when stopped before that. */
  readonly attached: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Follows the registries' events, so that answers about a party are forgotten as soon as it changes. An event that names
 * no party lets every answer be renewed at its next use.
 *
 * Tries until stopped: without events answers are merely as old as the cache allows.
 */
export function followRegistryEvents(options: FollowOptions): FollowedEvents {
  const { clock = systemClock, logger = silentLogger, retryMs = 10_000 } = options;
  const stopping = new AbortController();
  const subscriptions: { stop(): Promise<void> }[] = [];

  const handle = (event: RegistryEvent): void => {
    if (event.herIds.length === 0) options.registry.invalidate();
    for (const herId of event.herIds) options.registry.invalidate(herId);
    try {
      options.onEvent?.(event);
    } catch (reason) {
      logger.warn("a listener to registry events failed", {
        event: event.name,
        code: HelsekontaktError.from(reason).code,
      });
    }
  };

  async function queueOf(source: RegistryEventSource): Promise<string> {
    const { signal } = stopping;
    const answer = await options.serviceBus.subscribe({ source, userSystemIdent: options.userSystemIdent }, { signal });
    if (answer.kind === "found") return queueNameFromAddress(answer.value.queueName);
    if (answer.kind !== "not-found") throw answer.error;
    throw new HelsekontaktError("registry/unavailable", "expected a queue for the registry's events, found none");
  }

  async function attach(source: RegistryEventSource): Promise<void> {
    const queue = await queueOf(source);
    throwIfAborted(stopping.signal);
    const subscription = options.queues.receive(queue, async ({ message }) => {
      const event = readRegistryEvent(message.applicationProperties);
      if (event === undefined) logger.warn("a message on a queue for events is no event", { queue });
      else handle(event);
      return await Promise.resolve("accept" as const);
    });
    try {
      await waitFor(subscription.attached, stopping.signal);
    } catch (reason) {
      await subscription.stop().catch(() => {});
      throw reason;
    }
    subscriptions.push(subscription);
  }

  async function follow(source: RegistryEventSource): Promise<void> {
    for (;;) {
      try {
        return await attach(source);
      } catch (reason) {
        throwIfAborted(stopping.signal);
        logger.warn("events of a registry cannot be received yet; it is tried again", {
          source,
          code: HelsekontaktError.from(reason).code,
        });
        await clock.sleep(retryMs, stopping.signal);
      }
    }
  }

  const attached = Promise.all((options.sources ?? ["AddressRegister", "Cppa"]).map(follow)).then(() => {
    // What changed before the queues were there has told nobody.
    options.registry.invalidate();
  });
  attached.catch(() => {});
  return {
    attached,
    async stop() {
      stopping.abort();
      await attached.catch(() => {});
      await Promise.all(subscriptions.map((s) => s.stop().catch(() => {})));
    },
  };
}
