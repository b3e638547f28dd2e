import { type EventSubscription, type RegistryEventSource, type SoapBinding, services } from "../gen/registries.ts";
import { childrenOf, readContract } from "./data-contract.ts";
import { failedLookUp, type LookUp, type LookUpOptions } from "./look-up.ts";
import { SoapClient, type SoapClientOptions } from "./soap-client.ts";

/** Which events to subscribe to. */
export interface EventSubscriptionRequest {
  readonly source: RegistryEventSource;
  /** Absent: every event of the source. */
  readonly eventName?: string;
  /** Names the subscriber, unlike any other of the same user. Subscribing again under it gives the same queue. */
  readonly userSystemIdent: string;
}

/** A subscription to events of a registry. */
export interface RegistrySubscription {
  readonly queueName: string;
  readonly source?: string;
  /** Absent: every event of the source. */
  readonly eventName?: string;
  readonly userSystemIdent?: string;
}

/** ServiceBusManager V2: queues on which the registries tell of changes. */
export interface ServiceBusManager {
  /** The queue is made some time after the answer. */
  subscribe(request: EventSubscriptionRequest, options?: LookUpOptions): Promise<LookUp<RegistrySubscription>>;
  subscriptions(options?: LookUpOptions): Promise<LookUp<readonly RegistrySubscription[]>>;
  unsubscribe(queueName: string, options?: LookUpOptions): Promise<LookUp<true>>;
}

/** The address of ServiceBusManager on the host of another of the registries' services. */
export function serviceBusManagerUrl(url: string, binding: SoapBinding = "basic"): string {
  return new URL(services.serviceBusManager.paths[binding], url).href;
}

/** @throws {HelsekontaktError} `config/invalid` */
export function createServiceBusManager(options: SoapClientOptions): ServiceBusManager {
  const client = new SoapClient(services.serviceBusManager, options);
  return {
    async subscribe({ source, eventName = "", userSystemIdent }, call) {
      const answer = await client.call("Subscribe", { eventSource: source, eventName, userSystemIdent }, call);
      if (answer.kind !== "found") return answer;
      const subscription = attempt(() => subscriptionOf(readContract(answer.value, "EventSubscription")));
      return subscription ?? { kind: "not-found" };
    },
    async subscriptions(call) {
      const answer = await client.call("GetSubscriptions", {}, call);
      if (answer.kind === "not-found") return { kind: "found", value: [] };
      if (answer.kind !== "found") return answer;
      const list = attempt(() =>
        childrenOf(answer.value).flatMap((item) => subscriptionOf(readContract(item, "EventSubscription")) ?? []),
      );
      return list ?? { kind: "found", value: [] };
    },
    async unsubscribe(queueName, call) {
      const answer = await client.call("Unsubscribe", { queueName }, call);
      // The operation has no result to give.
      return answer.kind === "found" || answer.kind === "not-found" ? { kind: "found", value: true } : answer;
    },
  };
}

function attempt<T>(read: () => T | undefined): LookUp<T> | undefined {
  try {
    const value = read();
    return value === undefined ? undefined : { kind: "found", value };
  } catch (reason) {
    return failedLookUp(reason);
  }
}

function subscriptionOf(value: EventSubscription): RegistrySubscription | undefined {
  const { QueueName, EventSource, EventName, UserSystemIdent } = value;
  if (QueueName === undefined || QueueName === "") return undefined;
  return {
    queueName: QueueName,
    ...(EventSource === undefined ? {} : { source: EventSource }),
    ...(EventName === undefined || EventName === "" ? {} : { eventName: EventName }),
    ...(UserSystemIdent === undefined ? {} : { userSystemIdent: UserSystemIdent }),
  };
}
