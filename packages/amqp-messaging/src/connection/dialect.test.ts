import { describe, expect, it } from "vitest";
import { detectDialect, takenOutcomes } from "./dialect.ts";

describe("detectDialect()", () => {
  it.each([
    ["tb.test.nhn.no", { product: "RabbitMQ", version: "3.10.8" }, "rabbitmq"],
    ["tb.test.nhn.no", { product: "RabbitMQ", version: "4.2.0" }, "rabbitmq-v2"],
    ["tb.test.nhn.no", { product: "RabbitMQ", version: "10.0.1" }, "rabbitmq-v2"],
    ["tb.test.nhn.no", { product: "RabbitMQ" }, "rabbitmq"],
    ["tb.test.nhn.no", undefined, "rabbitmq"],
    ["tb.test.nhn.no", { product: 7 }, "rabbitmq"],
    ["h", { product: "ActiveMQ", version: "5.17.2" }, "plain"],
    ["h", { product: "apache-activemq-artemis" }, "plain"],
    ["h", { product: "qpid-cpp" }, "plain"],
    ["sb-1.servicebus.windows.net", undefined, "servicebus"],
  ])("for %s with %j is %s", (host, properties, dialect) => {
    expect(detectDialect(host, properties)).toBe(dialect);
  });
});

describe("takenOutcomes()", () => {
  it("D12: takes what the broker lists at the attach, whatever its kind", () => {
    const outcomes = ["amqp:accepted:list", "amqp:released:list", "amqp:modified:list", "amqp:other:list"];
    expect([...takenOutcomes({ outcomes }, "rabbitmq")]).toEqual(["accepted", "released", "modified"]);
    expect([...takenOutcomes({ outcomes: "amqp:accepted:list" }, "servicebus")]).toEqual(["accepted"]);
  });
  it("D12: goes by the kind of broker where nothing is listed", () => {
    for (const source of [undefined, null, {}, { outcomes: null }, { outcomes: [] }]) {
      expect(takenOutcomes(source, "rabbitmq").has("modified")).toBe(false);
      expect(takenOutcomes(source, "rabbitmq-v2").has("modified")).toBe(true);
      expect(takenOutcomes(source, "servicebus").has("modified")).toBe(true);
      expect(takenOutcomes(source, "plain").has("rejected")).toBe(true);
    }
  });
});
