// Over 400 lines: the cases of one pipeline, part by part, on one kind of server.
import { inspect } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { HelsekontaktError } from "@helsekontakt/core";
import { context, metrics, trace } from "@opentelemetry/api";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import {
  type AktivSjekkRequest,
  createAktivsjekkenClient,
  createCppaClient,
  createNetworkFetch,
  SharedTransport,
  type TransportSettings,
  withRetry,
} from "../src/index.ts";
import { Breaker } from "../src/transport/breaker.ts";
import { Places } from "../src/transport/concurrency.ts";
import { RetryBudget } from "../src/transport/retry-budget.ts";
import { type Answer, json, quick, startServer, type TestServer } from "./_server.ts";

const fnr = "01818010083";
const ask: AktivSjekkRequest = { fnrListe: [fnr], omraade: "Helsehjelp" };
const good = json(200, { erAktivListe: {} });
const servers: TestServer[] = [];
afterEach(async () => {
  for (const s of servers.splice(0)) await s.close();
});

async function serve(answer: Answer): Promise<TestServer> {
  const server = await startServer(answer);
  servers.push(server);
  return server;
}

/** A clock that never waits, and that tests move. */
function testClock() {
  const clock = {
    time: 1_000_000,
    slept: [] as number[],
    now: () => clock.time,
    sleep: async (ms: number) => void clock.slept.push(ms),
  };
  return clock;
}

async function client(answer: Answer, transport: TransportSettings = {}) {
  const server = await serve(answer);
  const made = createAktivsjekkenClient({
    baseUrl: server.url,
    transport: { ...transport, retry: { ...quick, ...transport.retry } },
  });
  return { server, check: (signal?: AbortSignal) => made.check(ask, signal === undefined ? {} : { signal }) };
}

function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "none",
    (error: unknown) => (error instanceof HelsekontaktError ? error.code : "another error"),
  );
}

const hang: Answer = () => {};

describe("deadline", () => {
  it("ends a call between its tries, however many are left", async () => {
    const { check, server } = await client(hang, { deadlineMs: 1_000, retry: { tries: 100, timeoutMs: 100 } });
    await expect(check()).rejects.toMatchObject({
      code: "rest/timeout",
      retryable: true,
      context: { timeoutMs: 1_000, limitOf: "call" },
    });
    expect(server.seen.length).toBeGreaterThan(1);
    expect(server.seen.length).toBeLessThan(100);
  });

  it("ends a pause", async () => {
    const { check } = await client(json(503, "", { "retry-after": "9" }), { deadlineMs: 100 });
    expect(await codeOf(check())).toBe("rest/timeout");
  });

  it("ends the wait in the queue, and the place goes to another", async () => {
    let free: (() => void) | undefined;
    const { check, server } = await client(
      (seen, response, n) => {
        if (n === 1) free = () => good(seen, response, n);
        else good(seen, response, n);
      },
      { deadlineMs: 300, concurrency: { max: 1 }, retry: { tries: 1 } },
    );
    const first = codeOf(check());
    const second = codeOf(check());
    expect(await second).toBe("rest/timeout");
    expect(server.seen).toHaveLength(1);
    free?.();
    await first;
    expect(await codeOf(check())).toBe("none");
  });
});

describe("retry budget", () => {
  it("is shared by all calls of a client, and earned back by successes", async () => {
    let down = true;
    const { check, server } = await client((...args) => (down ? json(503, "") : good)(...args), {
      retryBudget: { tokens: 3, perSuccess: 0.5 },
      breaker: false,
    });
    for (let i = 0; i < 5; i++) expect(await codeOf(check())).toBe("rest/unavailable");
    expect(server.seen).toHaveLength(5 + 3);
    down = false;
    for (let i = 0; i < 2; i++) await check();
    down = true;
    const before = server.seen.length;
    for (let i = 0; i < 2; i++) await codeOf(check());
    expect(server.seen.length - before).toBe(2 + 1);
  });

  it.each([0.1, 0.2, 0.3, 0.7, 1 / 3])("gives a retry for every whole earned by %f a success", (perSuccess) => {
    const budget = new RetryBudget({ tokens: 1, perSuccess });
    expect([budget.take(), budget.take()]).toEqual([true, false]);
    for (let n = 1; n < Math.round(1 / perSuccess + 0.499); n++) budget.succeeded();
    expect(budget.take()).toBe(false);
    budget.succeeded();
    expect(budget.take()).toBe(true);
  });

  it("never gives more than it holds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.boolean(), { maxLength: 200 }), (tokens, steps) => {
        const budget = new RetryBudget({ tokens, perSuccess: 0.25 });
        let taken = 0;
        let successes = 0;
        for (const success of steps) {
          if (success) {
            successes++;
            budget.succeeded();
          } else if (budget.take()) taken++;
        }
        expect(taken).toBeLessThanOrEqual(tokens + successes * 0.25);
      }),
    );
  });
});

describe("retry", () => {
  const permanent = [400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 422, 500, 501, 505];
  it.each(permanent)("a %i is never repeated", async (status) => {
    const { check, server } = await client(json(status, ""));
    await expect(check()).rejects.toMatchObject({ context: { httpStatus: status } });
    expect(server.seen).toHaveLength(1);
  });

  it("waits until the date that Retry-After gives, and tells the caller of one beyond the limit", async () => {
    const clock = testClock();
    clock.time = Date.parse("2026-03-01T12:00:00Z");
    let date = "Sun, 01 Mar 2026 12:00:04 GMT";
    const { check } = await client(
      (seen, response, n) => (n === 1 || n > 2 ? json(503, "", { "retry-after": date }) : good)(seen, response, n),
      { retry: { clock } },
    );
    await check();
    expect(clock.slept).toEqual([4000]);
    date = "Sun, 01 Mar 2026 12:01:00 GMT";
    await expect(check()).rejects.toMatchObject({
      code: "rest/unavailable",
      hint: "try again in 60 s",
      context: { retryAfterMs: 60_000 },
    });
    expect(clock.slept).toEqual([4000]);
  });
});

describe("circuit breaker", () => {
  it("opens after failures in a row, fails at once, and lets one probe through", async () => {
    const clock = testClock();
    let down = true;
    const { check, server } = await client((...args) => (down ? json(500, "") : good)(...args), {
      breaker: { failures: 3, openMs: 5_000 },
      retry: { clock },
    });
    for (let i = 0; i < 3; i++) expect(await codeOf(check())).toBe("rest/unavailable");
    await expect(check()).rejects.toMatchObject({
      code: "rest/circuit-open",
      retryable: true,
      hint: "try again in 5 s",
      context: { retryAfterMs: 5_000 },
    });
    expect(server.seen).toHaveLength(3);
    clock.time += 5_000;
    expect((await Promise.all([codeOf(check()), codeOf(check())])).sort()).toEqual([
      "rest/circuit-open",
      "rest/unavailable",
    ]);
    expect(server.seen).toHaveLength(4);
    expect(await codeOf(check())).toBe("rest/circuit-open");
    clock.time += 5_000;
    down = false;
    await check();
    await check();
    expect(server.seen).toHaveLength(6);
  });

  it("counts hangs where the deadline is no longer than the limit of a try, and not a caller's own abort", async () => {
    const { check, server } = await client(hang, {
      deadlineMs: 150,
      breaker: { failures: 2 },
      retry: { tries: 1, timeoutMs: 150 },
    });
    for (let n = 0; n < 3; n++) await expect(check(AbortSignal.timeout(20))).rejects.toThrow();
    expect(await codeOf(check())).toBe("rest/timeout");
    expect(await codeOf(check())).toBe("rest/timeout");
    const sent = server.seen.length;
    expect(await codeOf(check())).toBe("rest/circuit-open");
    expect(server.seen.length).toBe(sent);
  });

  it("stays closed for refusals and for 429", async () => {
    for (const status of [400, 401, 404, 429]) {
      const { check, server } = await client(json(status, ""), { breaker: { failures: 1 }, retry: { tries: 1 } });
      for (let i = 0; i < 3; i++) await codeOf(check());
      expect(server.seen).toHaveLength(3);
    }
  });

  it("a probe that is cancelled leaves the place to another", () => {
    const clock = testClock();
    const breaker = new Breaker({ failures: 1, openMs: 1, clock });
    breaker.enter("a")("fails");
    expect(() => breaker.enter("a")).toThrow("rest/circuit-open");
    expect(() => breaker.enter("b")).not.toThrow();
    clock.time += 1;
    const leave = breaker.enter("a");
    expect(() => breaker.enter("a")).toThrow("rest/circuit-open");
    leave("unknown");
    breaker.enter("a")("works");
    breaker.enter("a");
  });

  it("is shared by the clients of one transport", async () => {
    const server = await serve(json(500, ""));
    const transport = new SharedTransport({ breaker: { failures: 1 }, retry: quick });
    const baseUrl = server.url;
    expect(await codeOf(createAktivsjekkenClient({ baseUrl, transport }).check(ask))).toBe("rest/unavailable");
    expect(await codeOf(createCppaClient({ baseUrl, transport }).profile(1))).toBe("rest/circuit-open");
    expect(server.seen).toHaveLength(1);
  });
});

describe("concurrency limit", () => {
  it("refuses a limit under which nothing would ever be sent", () => {
    for (const concurrency of [{ max: 0 }, { max: -1 }, { max: 1.5 }, { max: Number.NaN }, { maxWaiting: -1 }])
      expect(() => new SharedTransport({ concurrency })).toThrow("[config/invalid]");
    expect(() => new SharedTransport({ concurrency: { max: 1, maxWaiting: 0 } })).not.toThrow();
  });

  it("never has more under way, and refuses what the queue cannot hold", async () => {
    let open = 0;
    let most = 0;
    const { check, server } = await client(
      (seen, response, n) => {
        most = Math.max(most, ++open);
        setTimeout(() => {
          open--;
          good(seen, response, n);
        }, 5);
      },
      { concurrency: { max: 3, maxWaiting: 10 } },
    );
    const codes = await Promise.all(Array.from({ length: 20 }, () => codeOf(check())));
    expect(most).toBe(3);
    expect(codes.filter((c) => c === "none")).toHaveLength(13);
    expect(codes.filter((c) => c === "rest/overloaded")).toHaveLength(7);
    expect(server.seen).toHaveLength(13);
  });

  it("gives places in the order of asking, whatever leaves the queue between", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), async (leaves) => {
        const places = new Places({ max: 1, maxWaiting: 100 });
        await places.take(new AbortController().signal);
        const order: number[] = [];
        const controllers = leaves.map(() => new AbortController());
        const waits = controllers.map((c, n) =>
          places.take(c.signal).then(
            () => {
              order.push(n);
              places.release();
            },
            () => undefined,
          ),
        );
        for (const [n, leave] of leaves.entries()) if (leave) controllers[n]?.abort();
        places.release();
        await Promise.all(waits);
        expect(order).toEqual([...leaves.keys()].filter((n) => !leaves[n]));
        expect(places.load).toEqual({ busy: 0, waiting: 0 });
      }),
    );
  });
});

describe("correlation", () => {
  it("gives all tries of a call one id, and each call its own", async () => {
    const { check, server } = await client((seen, response, n) => (n === 1 ? json(503, "") : good)(seen, response, n));
    await check();
    await check();
    const ids = server.seen.map((s) => String(s.headers["x-correlation-id"]));
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it("takes another name and maker, or none", async () => {
    const named = await client(good, { correlation: { header: "x-request", id: () => "run-7" } });
    await named.check();
    expect(named.server.seen[0]?.headers["x-request"]).toBe("run-7");
    const none = await client(good, { correlation: false });
    await none.check();
    expect(none.server.seen[0]?.headers["x-correlation-id"]).toBeUndefined();
  });
});

describe("a correlation id or header that HTTP does not allow", () => {
  it.each(["run\r\nx-injected: 1", "a\nb", "søk æøå ✓", "", " ", "x".repeat(300), undefined, 7])(
    "id %j is a fault of the settings, not shown, and nothing is sent",
    async (id) => {
      const { check, server } = await client(good, { correlation: { id: () => id as string } });
      const error = await check().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "config/invalid", retryable: false });
      if (String(id).length > 1)
        expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(String(id));
      expect(server.seen).toEqual([]);
    },
  );

  it.each(["a b", "a\r\nb", "", "a:"])("header %j is a fault of the settings", async (header) => {
    const server = await serve(good);
    expect(
      await codeOf(
        Promise.resolve().then(() =>
          createAktivsjekkenClient({ baseUrl: server.url, transport: { correlation: { header } } }).check(ask),
        ),
      ),
    ).toBe("config/invalid");
    expect(server.seen).toEqual([]);
  });
});

describe("statuses beyond HTTP's", () => {
  it.each([600, 999])("%i is an answer that is none, and no failed connection to repeat", async (status) => {
    const net = createNetworkFetch();
    try {
      for (const fetch of [undefined, net.fetch]) {
        const server = await serve(json(status, fnr));
        const made = createAktivsjekkenClient({
          baseUrl: server.url,
          transport: { retry: quick },
          ...(fetch === undefined ? {} : { fetch }),
        });
        await expect(made.check(ask)).rejects.toMatchObject({ code: "rest/response-invalid", retryable: false });
        expect(server.seen).toHaveLength(1);
      }
    } finally {
      await net.close();
    }
  });
});

describe("the caller's signal", () => {
  it("is heard although nobody but the call holds the request when memory is collected", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const controller = new AbortController();
    const sends = withRetry(() => new Promise(() => {}), { tries: 1, timeoutMs: 4_000 });
    const ending = codeOf(
      sends(new Request("http://localhost:1", { method: "POST", body: "x", signal: controller.signal })),
    );
    for (let n = 0; n < 20; n++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      collect();
    }
    controller.abort();
    expect(await ending).toBe("abort/cancelled");
  });

  it("closes the connection of an answer that does not end, although memory is collected meanwhile", async () => {
    setFlagsFromString("--expose-gc");
    const collecting = setInterval(runInNewContext("gc") as () => void, 3);
    let closed: () => void = () => {};
    const gone = new Promise<void>((resolve) => (closed = resolve));
    try {
      const { check } = await client(
        (_seen, response) => {
          response.on("close", closed);
          response.writeHead(200, { "content-type": "application/json" });
          response.write("{");
        },
        { retry: { tries: 1, timeoutMs: 150 } },
      );
      expect(await codeOf(check())).toBe("rest/timeout");
      await gone;
    } finally {
      clearInterval(collecting);
    }
  });
});

describe("size cap", () => {
  const huge =
    (stated: boolean): Answer =>
    (_seen, response) => {
      response.writeHead(200, { "content-type": "application/json", ...(stated ? { "content-length": 1e9 } : {}) });
      const more = (): void => {
        while (response.writable && response.write("x".repeat(16_384)));
      };
      response.on("drain", more);
      more();
    };
  it.each([true, false])("stops reading, with content-length %s", async (stated) => {
    const { check, server } = await client(huge(stated), { maxAnswerBytes: 100_000 });
    await expect(check()).rejects.toMatchObject({ code: "rest/response-invalid", retryable: false });
    expect(server.seen).toHaveLength(1);
  });
});

describe("telemetry", () => {
  afterEach(() => {
    trace.disable();
    metrics.disable();
    context.disable();
  });

  it("has a client span and a duration for each try, and nothing in them that a person or token could be read from", async () => {
    const spans: { name: string; options: unknown; attributes: object; status: unknown; ended: boolean }[] = [];
    const records: { name: string; value: number; attributes: unknown }[] = [];
    trace.setGlobalTracerProvider({
      getTracer: () =>
        ({
          startSpan(name: string, options: unknown) {
            const span = { name, options, attributes: {}, status: undefined as unknown, ended: false };
            spans.push(span);
            return {
              setAttributes: (a: object) => Object.assign(span.attributes, a),
              setStatus: (s: unknown) => (span.status = s),
              end: () => (span.ended = true),
            };
          },
        }) as never,
    });
    metrics.setGlobalMeterProvider({
      getMeter: () =>
        ({
          createHistogram: (name: string) => ({
            record: (value: number, attributes: unknown) => records.push({ name, value, attributes }),
          }),
        }) as never,
    });
    const { check, server } = await client((seen, response, n) =>
      (n === 1 ? json(503, fnr) : n === 2 ? good : json(403, fnr))(seen, response, n),
    );
    await check();
    await codeOf(check());
    const port = Number(new URL(server.url).port);
    expect(spans.map((s) => [s.attributes, s.status, s.ended])).toEqual([
      [{ "http.response.status_code": 503, "error.type": "503" }, { code: 2 }, true],
      [{ "http.response.status_code": 200 }, undefined, true],
      [{ "http.response.status_code": 403, "error.type": "403" }, { code: 2 }, true],
    ]);
    expect(spans[1]?.options).toMatchObject({
      kind: 2,
      attributes: {
        "http.request.method": "POST",
        "server.address": "127.0.0.1",
        "server.port": port,
        "url.full": server.url,
        "http.request.resend_count": 1,
      },
    });
    expect(records.map((r) => r.name)).toEqual(Array(3).fill("http.client.request.duration"));
    const all = JSON.stringify([spans, records]);
    expect(all).not.toContain(fnr);
    expect(server.seen.every((s) => !all.includes(String(s.headers["x-correlation-id"])))).toBe(true);

    // Ids in paths stay out as well.
    const cppa = createCppaClient({ baseUrl: server.url, transport: { retry: quick } });
    await codeOf(cppa.profile(8093240));
    expect(spans).toHaveLength(4);
    expect(JSON.stringify([spans, records])).not.toContain("8093240");
  });
});
