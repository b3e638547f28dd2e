import { describe, expect, it } from "vitest";
import { type AddressDialect, queueNameFromAddress, receiverAddress, senderAddress } from "./address.ts";

describe("senderAddress() and receiverAddress()", () => {
  const cases: [AddressDialect, string | undefined, string, string, string][] = [
    [
      "rabbitmq",
      "NHNTESTServiceBus",
      "93238_async",
      "/exchange/NHNTESTServiceBus/93238_async",
      "/amq/queue/93238_async",
    ],
    ["rabbitmq", undefined, "93238_async", "93238_async", "93238_async"],
    ["rabbitmq-v2", "NHN/TEST", "q ø!", "/exchanges/NHN%2FTEST/q%20%C3%B8%21", "/queues/q%20%C3%B8%21"],
    ["rabbitmq-v2", undefined, "a'b", "/queues/a%27b", "/queues/a%27b"],
    ["servicebus", "ns", "q", "ns/q", "ns/q"],
    ["servicebus", undefined, "q", "q", "q"],
    ["plain", "ns", "q", "q", "q"],
  ];
  it.each(cases)("%s with %s", (dialect, namespace, queue, send, receive) => {
    expect(senderAddress(dialect, namespace, queue)).toBe(send);
    expect(receiverAddress(dialect, namespace, queue)).toBe(receive);
  });
});

describe("queueNameFromAddress()", () => {
  it("takes what follows the last slash", () => {
    expect(queueNameFromAddress("tb.test.nhn.no/NHNTESTServiceBus/8141703_async")).toBe("8141703_async");
    expect(queueNameFromAddress("8141703_async")).toBe("8141703_async");
  });
});
