import type { AddressDialect } from "./address.ts";

/** The outcomes of AMQP 1.0, by their names in a source's list of outcomes. */
export type BrokerOutcome = "accepted" | "rejected" | "released" | "modified";

const known: readonly BrokerOutcome[] = ["accepted", "rejected", "released", "modified"];

/** What a kind of broker takes as an outcome when it does not say so itself at the attach. */
const outcomesByDialect: Readonly<Record<AddressDialect, readonly BrokerOutcome[]>> = {
  // RabbitMQ 3 ends the session on `modified` (measured on 3.10.8).
  rabbitmq: ["accepted", "rejected", "released"],
  "rabbitmq-v2": known,
  servicebus: known,
  plain: ["accepted", "rejected", "released"],
};

/**
 * @internal The form of addresses that a broker wants, from what it says of itself in its `open`. Both of RabbitMQ's
 * forms exist in version 4, where the first is deprecated, and only the first exists in version 3.
 *
 * @param properties - the peer's connection properties (`product`, `version`), as they came.
 * @returns RabbitMQ's first form, which is NHN's, for a peer that says nothing.
 * @see AMQP 1.0, part 2, section 2.7.1 Open
 */
export function detectDialect(host: string, properties: unknown): AddressDialect {
  if (/\.servicebus\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)$/i.test(host)) return "servicebus";
  const { product, version } = (typeof properties === "object" && properties !== null ? properties : {}) as Record<
    string,
    unknown
  >;
  if (typeof product !== "string") return "rabbitmq";
  if (/rabbitmq/i.test(product))
    return Number.parseInt(typeof version === "string" ? version : "", 10) >= 4 ? "rabbitmq-v2" : "rabbitmq";
  return /activemq|artemis|qpid/i.test(product) ? "plain" : "rabbitmq";
}

/**
 * @internal The outcomes that may be sent on a link: those that the broker listed when it attached, else those that its
 * kind is known to take.
 *
 * @param source - the source in the broker's attach.
 * @see AMQP 1.0, part 3, section 3.5.3 Source
 */
export function takenOutcomes(source: unknown, dialect: AddressDialect): ReadonlySet<BrokerOutcome> {
  const listed = (source as { outcomes?: unknown } | undefined | null)?.outcomes;
  const names = (Array.isArray(listed) ? listed : listed == null ? [] : [listed]).map((name) => String(name));
  const said = known.filter((outcome) => names.includes(`amqp:${outcome}:list`));
  return new Set(said.length > 0 ? said : outcomesByDialect[dialect]);
}
