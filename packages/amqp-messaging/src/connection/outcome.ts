import type { Delivery } from "rhea";
import type { AddressDialect } from "./address.ts";
import type { BrokerOutcome } from "./dialect.ts";

/**
 * What becomes of a delivery.
 *
 * - `accept`: done. `release`: back to the queue. `reject`: to the broker's dead letters, without a reason.
 * - `release` after a pause: kept unsettled meanwhile, without a handler and without credit.
 * - `modify`: back to the queue, counted as failed or not for this reader; plain `release` at a broker that does not
 *   take it (RabbitMQ 3).
 * - `dead-letter`: as `reject`, with a reason for the broker: codes, never content. RabbitMQ 3 does not keep it.
 */
export type Outcome =
  | "accept"
  | "release"
  | "reject"
  | { readonly kind: "release"; readonly afterMs: number }
  | { readonly kind: "modify"; readonly deliveryFailed: boolean; readonly undeliverableHere: boolean }
  | { readonly kind: "dead-letter"; readonly reason: string; readonly condition?: string };

/** @internal How one broker is to be told. */
export interface OutcomeRules {
  readonly taken: ReadonlySet<BrokerOutcome>;
  readonly dialect: AddressDialect;
}

/** @internal True for what ends the message; false for what the broker hands out again. */
export function isFinal(outcome: Outcome): boolean {
  return (
    outcome === "accept" || outcome === "reject" || (typeof outcome === "object" && outcome.kind === "dead-letter")
  );
}

/** @internal Back to the queue for whoever comes next, this reader included. */
export function isReturn(outcome: Outcome): boolean {
  if (isFinal(outcome)) return false;
  return typeof outcome !== "object" || outcome.kind !== "modify" || !outcome.undeliverableHere;
}

const longestReason = 500;

/**
 * @internal Tells the broker, in the outcome nearest to what is meant among those that it takes.
 *
 * @see AMQP 1.0, part 3, section 3.4 Delivery State
 */
export function settleDelivery(delivery: Delivery, outcome: Outcome, { taken, dialect }: OutcomeRules): void {
  if (outcome === "accept") return delivery.accept();
  if (outcome === "reject" || (typeof outcome === "object" && outcome.kind === "dead-letter")) {
    if (taken.has("rejected")) return delivery.reject(deathOf(outcome, dialect) as never);
    if (taken.has("modified")) return delivery.modified({ delivery_failed: true, undeliverable_here: true });
    return delivery.release();
  }
  if (typeof outcome === "object" && outcome.kind === "modify" && taken.has("modified"))
    return delivery.modified({
      delivery_failed: outcome.deliveryFailed,
      undeliverable_here: outcome.undeliverableHere,
    });
  // With an argument rhea would make it "modified".
  delivery.release();
}

function deathOf(outcome: Outcome, dialect: AddressDialect): object {
  if (typeof outcome !== "object" || outcome.kind !== "dead-letter")
    return { condition: "amqp:decode-error", description: "refused by the receiver" };
  const description = outcome.reason.slice(0, longestReason);
  if (dialect !== "servicebus") return { condition: outcome.condition ?? "helsekontakt:dead-letter", description };
  // Service Bus keeps these two with the dead letter.
  return {
    condition: "com.microsoft:dead-letter",
    description,
    info: {
      DeadLetterReason: outcome.condition ?? "helsekontakt:dead-letter",
      DeadLetterErrorDescription: description,
    },
  };
}
