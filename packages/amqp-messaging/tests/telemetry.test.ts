import { HelsekontaktError } from "@helsekontakt/core";
import { context, metrics as metricsApi, trace } from "@opentelemetry/api";
import * as api from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { metrics, reply } from "../src/index.ts";
import { openTelemetry } from "../src/telemetry/open-telemetry.ts";
import { decodeWireMessage } from "../src/protocol.ts";
import { registryOf } from "./_parties.ts";
import { patient, payloadFrom, startWorld, testFunction, type World, withQueues } from "./_world.ts";

describe("O8: traces and numbers", () => {
  let world: World;
  const spans = new InMemorySpanExporter();
  let numbers: InMemoryMetricExporter;
  let meters: MeterProvider;

  beforeEach(async () => {
    spans.reset();
    numbers = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    trace.setGlobalTracerProvider(
      new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }),
    );
    meters = new MeterProvider({
      readers: [new PeriodicExportingMetricReader({ exporter: numbers, exportIntervalMillis: 3_600_000 })],
    });
    metricsApi.setGlobalMeterProvider(meters);
    world = await startWorld();
  });
  afterEach(async () => {
    await world.end();
    await meters.shutdown();
    trace.disable();
    metricsApi.disable();
    context.disable();
  });

  /** Every number as the exporter has it: name, unit, points. */
  const collect = async () => {
    await meters.forceFlush();
    return numbers
      .getMetrics()
      .at(-1)
      ?.scopeMetrics.flatMap((scope) => scope.metrics)
      .map(({ descriptor, dataPoints }) => ({
        name: descriptor.name,
        unit: descriptor.unit,
        points: dataPoints.map((p) => ({ attributes: p.attributes, value: p.value })),
      }));
  };

  it("O8: the exporter sees names and attributes of a message that was sent, received and refused", async () => {
    world
      .messenger(world.bob)
      .receive(`${world.bob.herId}_async`, (m) =>
        Promise.resolve(
          m.messageId.endsWith("0") ? { refuse: { condition: "transport:unsupported-message" } } : "accept",
        ),
      );
    const alice = world.messenger(world.alice);
    const [good, bad] = ["c0ffee00-1111-4222-8333-944444444441", "c0ffee00-1111-4222-8333-944444444440"];
    for (const messageId of [good, bad]) await alice.protectAndSend(world.outbound({ messageId: messageId ?? "" }));
    await alice.protectAndSend(world.outbound({ toHerId: "9" })).catch(() => {});
    await world.until("both ends", () => ["accepted", "refused"].every((k) => world.events.some((e) => e.kind === k)));
    await world.until("both spans", () => spans.getFinishedSpans().length === 4);

    const named = { "helsekontakt.queue.type": "async", "helsekontakt.function": testFunction };
    const of = (name: string) => spans.getFinishedSpans().filter((s) => s.name === name);
    const sent = of("send async");
    expect(sent.map((s) => [s.kind, s.attributes["messaging.message.id"]])).toEqual([
      [api.SpanKind.PRODUCER, good],
      [api.SpanKind.PRODUCER, bad],
    ]);
    expect(sent[0]?.attributes).toMatchObject({
      ...named,
      "messaging.system": "amqp",
      "messaging.operation.type": "send",
      "messaging.destination.name": `${world.bob.herId}_async`,
      "helsekontakt.party.kind": "dummy",
      "messaging.message.body.size": expect.any(Number) as number,
    });
    const processed = of("process async");
    expect(processed.map((s) => [s.kind, s.attributes["helsekontakt.verdict"], s.status.code])).toEqual([
      [api.SpanKind.CONSUMER, "accepted", api.SpanStatusCode.UNSET],
      [api.SpanKind.CONSUMER, "refused", api.SpanStatusCode.ERROR],
    ]);
    // The trace context travels as an application property and is linked, not continued.
    const wire = decodeWireMessage(world.peer.published[0] ?? Buffer.alloc(0));
    const { traceId, spanId } = sent[0]?.spanContext() ?? { traceId: "", spanId: "" };
    expect(wire.applicationProperties.get("traceparent")).toBe(`00-${traceId}-${spanId}-01`);
    expect(processed[0]?.links.map((l) => l.context)).toMatchObject([{ traceId, spanId, isRemote: true }]);
    expect(processed[0]?.spanContext().traceId).not.toBe(traceId);

    const all = (await collect()) ?? [];
    const points = (name: string) => all.find((m) => m.name === name)?.points ?? [];
    expect(all.map((m) => [m.name, m.unit]).sort()).toEqual(
      Object.values(metrics)
        .map((m) => [m.name, m.unit])
        .sort(),
    );
    expect(points(metrics.sent.name)).toEqual([
      { attributes: { ...named, "helsekontakt.party.kind": "dummy" }, value: 2 },
    ]);
    expect(points(metrics.received.name).map((p) => [p.attributes["helsekontakt.verdict"], p.value])).toEqual([
      ["accepted", 1],
      ["refused", 1],
    ]);
    expect(points(metrics.failed.name).map((p) => p.attributes)).toEqual([
      { "helsekontakt.direction": "send", "error.type": "registry/party-unknown", "helsekontakt.cause": "none" },
      { "helsekontakt.direction": "receive", "error.type": "amqp/unsupported-message", "helsekontakt.cause": "none" },
    ]);
    const counts = (name: string) => points(name).map((p) => (p.value as { count: number }).count);
    expect(counts(metrics.queueAge.name)).toEqual([2]);
    expect(points(metrics.cryptoTime.name).map((p) => p.attributes["helsekontakt.operation"])).toEqual([
      "protect",
      "unprotect",
    ]);
    expect(counts(metrics.cryptoTime.name)).toEqual([2, 2]);
    expect(points(metrics.registryTime.name).map((p) => p.attributes["error.type"])).toContain(
      "registry/party-unknown",
    );
    expect(points(metrics.credit.name).reduce((sum, p) => sum + Number(p.value), 0)).toBeGreaterThan(0);
    expect(points(metrics.certificateDays.name).map((p) => p.attributes["helsekontakt.certificate.use"])).toEqual(
      expect.arrayContaining(["signing", "decryption"]),
    );
    const dump = JSON.stringify([all, spans.getFinishedSpans().map((s) => [s.name, s.attributes, s.status])]);
    expect(dump).not.toContain(patient);
    // Numbers are kept for ever by whoever collects them: no attribute of theirs may have endless values.
    const attributes = JSON.stringify(all.flatMap((m) => m.points.map((p) => p.attributes)));
    for (const id of [world.alice.herId, world.bob.herId, good]) expect(attributes).not.toContain(id);
  });

  it("O8: failures are counted by cause", async () => {
    world.messenger(world.bob).receive(`${world.bob.herId}_async`, () => Promise.resolve("accept"));
    await world.messenger(world.alice).protectAndSend(world.outbound({ payload: payloadFrom("777") }));
    await world.until("the refusal", () => world.events.some((e) => e.kind === "refused"));
    const failed = ((await collect()) ?? []).find((m) => m.name === metrics.failed.name)?.points ?? [];
    expect(failed).toEqual([
      {
        attributes: {
          "helsekontakt.direction": "receive",
          "error.type": "message/spoofed-sender",
          "helsekontakt.cause": "sender-mismatch",
        },
        value: 1,
      },
    ]);
  });

  it("O8: a call and its answer are linked both ways, and a call that waits is a number", async () => {
    let waiting = 0;
    world.messenger(world.bob).serve(`${world.bob.herId}_sync`, async () => {
      const all = (await collect()) ?? [];
      const { points = [] } = all.find((m) => m.name === metrics.waitingCalls.name) ?? {};
      waiting = points.reduce((sum, p) => sum + Number(p.value), 0);
      return reply(Buffer.from("<answer/>"));
    });
    await world.messenger(world.alice).request(world.outbound());
    expect(waiting).toBe(1);
    await world.until("the spans", () => spans.getFinishedSpans().length === 4);
    expect(
      spans
        .getFinishedSpans()
        .map((s) => s.name)
        .sort(),
    ).toEqual(["process sync", "process syncReply", "send sync", "send sync"]);
    for (const span of spans.getFinishedSpans().filter((s) => s.name.startsWith("process")))
      expect(span.links).toHaveLength(1);
  });

  it("O8: a trace context that another party made up is no link, and a function that is not in the list no attribute", async () => {
    world.messenger(world.bob).receive(`${world.bob.herId}_async`, () => Promise.resolve("accept"));
    const messenger = world.messenger(world.alice);
    const contexts = [
      `00-${"0".repeat(32)}-${"1".repeat(16)}-01`,
      `ff-${"1".repeat(32)}-${"1".repeat(16)}-01`,
      patient,
    ];
    for (const traceparent of contexts)
      await messenger.protectAndSend(world.outbound({ function: `X_${patient}`, properties: { traceparent } }));
    await world.until("the ends", () => world.events.filter((e) => e.kind === "accepted").length === 3);
    await world.until("the spans", () => spans.getFinishedSpans().length === 6);
    const processed = spans.getFinishedSpans().filter((s) => s.name === "process async");
    expect(processed.map((s) => s.links)).toEqual([[], [], []]);
    expect(processed.map((s) => s.attributes["helsekontakt.function"])).toEqual(["other", "other", "other"]);
    const dump = JSON.stringify([await collect(), spans.getFinishedSpans().map((s) => s.attributes)]);
    expect(dump).not.toContain(patient);
  });

  it("is off where the application says so, and goes where it says", async () => {
    const own = { ...openTelemetry(api), count: () => void told++ };
    let told = 0;
    await world.messenger(world.alice, { telemetry: false }).protectAndSend(world.outbound());
    expect(spans.getFinishedSpans()).toHaveLength(0);
    expect(decodeWireMessage(world.peer.published[0] ?? Buffer.alloc(0)).applicationProperties.has("traceparent")).toBe(
      false,
    );
    await world.messenger(world.alice, { telemetry: own }).protectAndSend(world.outbound());
    expect(told).toBe(1);
    expect(spans.getFinishedSpans()).toHaveLength(1);
  });

  it("reports to the provider of the moment, and to nobody after the connection is closed", async () => {
    const registry = registryOf([withQueues(world.alice), withQueues(world.bob)]);
    const alice = world.messenger(world.alice, { registry });
    await alice.protectAndSend(world.outbound());
    const before = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const later = new MeterProvider({
      readers: [new PeriodicExportingMetricReader({ exporter: before, exportIntervalMillis: 3_600_000 })],
    });
    metricsApi.disable();
    metricsApi.setGlobalMeterProvider(later);
    registry.fail = new HelsekontaktError("registry/unavailable", "down");
    await alice.protectAndSend(world.outbound()).catch(() => {});
    await later.forceFlush();
    const names = before
      .getMetrics()
      .flatMap((m) => m.scopeMetrics.flatMap((s) => s.metrics.map((n) => n.descriptor.name)));
    expect(names).toContain(metrics.failed.name);
    expect(names).not.toContain(metrics.sent.name);
    await later.shutdown();
    await world.connection.close();
    const gauges = ((await collect()) ?? []).filter((m) => m.name === metrics.certificateDays.name);
    expect(gauges.flatMap((g) => g.points)).toEqual([]);
  });
});
