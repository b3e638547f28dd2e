import type { Delivery } from "rhea";
import { describe, expect, it } from "vitest";
import type { AddressDialect } from "./address.ts";
import type { BrokerOutcome } from "./dialect.ts";
import { isFinal, isReturn, type Outcome, settleDelivery } from "./outcome.ts";

/** What a delivery was told, as rhea takes it. */
function told(outcome: Outcome, taken: readonly BrokerOutcome[], dialect: AddressDialect = "rabbitmq"): unknown[] {
  const calls: unknown[] = [];
  const note =
    (name: string) =>
    (...args: unknown[]): void =>
      void calls.push(name, ...args);
  const delivery = {
    accept: note("accept"),
    release: note("release"),
    reject: note("reject"),
    modified: note("modified"),
  } as unknown as Delivery;
  settleDelivery(delivery, outcome, { taken: new Set(taken), dialect });
  return calls;
}

const three: BrokerOutcome[] = ["accepted", "rejected", "released"];
const four: BrokerOutcome[] = [...three, "modified"];
const failed = { kind: "modify", deliveryFailed: true, undeliverableHere: false } as const;
const dead = { kind: "dead-letter", reason: "failed 10 times" } as const;

describe("settleDelivery()", () => {
  it.each<[Outcome, readonly BrokerOutcome[], unknown[]]>([
    ["accept", three, ["accept"]],
    ["release", three, ["release"]],
    [{ kind: "release", afterMs: 5 }, three, ["release"]],
    [failed, four, ["modified", { delivery_failed: true, undeliverable_here: false }]],
    [failed, three, ["release"]],
    ["reject", three, ["reject", { condition: "amqp:decode-error", description: "refused by the receiver" }]],
    [dead, three, ["reject", { condition: "helsekontakt:dead-letter", description: "failed 10 times" }]],
    [
      { ...dead, condition: "own:poison" },
      three,
      ["reject", { condition: "own:poison", description: "failed 10 times" }],
    ],
    [dead, ["accepted", "modified"], ["modified", { delivery_failed: true, undeliverable_here: true }]],
  ])("D12: %j at a broker that takes %j", (outcome, taken, calls) => {
    expect(told(outcome, taken)).toEqual(calls);
  });
  it("D12: a dead letter's reason in the form that Service Bus keeps", () => {
    expect(told(dead, four, "servicebus")[1]).toEqual({
      condition: "com.microsoft:dead-letter",
      description: "failed 10 times",
      info: { DeadLetterReason: "helsekontakt:dead-letter", DeadLetterErrorDescription: "failed 10 times" },
    });
  });
  it("bounds the reason", () => {
    const [, error] = told({ ...dead, reason: "x".repeat(10_000) }, three) as [string, { description: string }];
    expect(error.description).toHaveLength(500);
  });
});

describe("isFinal() and isReturn()", () => {
  it.each<[Outcome, boolean, boolean]>([
    ["accept", true, false],
    ["reject", true, false],
    [dead, true, false],
    ["release", false, true],
    [{ kind: "release", afterMs: 1 }, false, true],
    [failed, false, true],
    [{ ...failed, undeliverableHere: true }, false, false],
  ])("for %j", (outcome, final, back) => {
    expect([isFinal(outcome), isReturn(outcome)]).toEqual([final, back]);
  });
});
