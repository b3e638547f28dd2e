import type { Transport } from "../connection/transport.ts";

/**
 * @internal The address of a queue itself, for taking and for putting: a message that is put there cannot miss it, as it
 * can behind an exchange without a binding. A name that begins with a slash is an address already.
 */
export function queueAddress(transport: Transport, queue: string): string {
  if (queue.startsWith("/")) return queue;
  return transport.dialect === "rabbitmq" ? `/amq/queue/${queue}` : transport.address("receiver", queue);
}
