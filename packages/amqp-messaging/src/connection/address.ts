/**
 * How a broker wants queues to be addressed: RabbitMQ's first form (NHN's default), its second form (RabbitMQ 4),
 * Azure Service Bus, or the bare name.
 */
export type AddressDialect = "rabbitmq" | "rabbitmq-v2" | "servicebus" | "plain";

/**
 * The target address for messages to a queue.
 *
 * @param namespace - the exchange; without one RabbitMQ's first form and Service Bus take the name as given.
 * @param queue - short queue name, e.g. `93238_async`.
 */
export function senderAddress(dialect: AddressDialect, namespace: string | undefined, queue: string): string {
  if (dialect === "rabbitmq-v2")
    return namespace === undefined ? `/queues/${percent(queue)}` : `/exchanges/${percent(namespace)}/${percent(queue)}`;
  if (dialect === "plain" || namespace === undefined) return queue;
  return dialect === "rabbitmq" ? `/exchange/${namespace}/${queue}` : `${namespace}/${queue}`;
}

/** The source address for messages from a queue. */
export function receiverAddress(dialect: AddressDialect, namespace: string | undefined, queue: string): string {
  if (dialect === "rabbitmq-v2") return `/queues/${percent(queue)}`;
  if (dialect === "rabbitmq") return namespace === undefined ? queue : `/amq/queue/${queue}`;
  return dialect === "plain" || namespace === undefined ? queue : `${namespace}/${queue}`;
}

/**
 * The short name in a registry's queue address: `tb.test.nhn.no/NHNTESTServiceBus/8141703_async` gives
 * `8141703_async`. An address without a slash is the name itself.
 */
export function queueNameFromAddress(address: string): string {
  return address.slice(address.lastIndexOf("/") + 1);
}

/** RFC 3986: everything but unreserved characters, as UTF-8. */
function percent(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
