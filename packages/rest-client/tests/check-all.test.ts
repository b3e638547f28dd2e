// Over 400 lines: the cases of one function, on one server.
import type { HelsekontaktError } from "@helsekontakt/core";
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import {
  type AktivsjekkenClientOptions,
  type CheckAllOptions,
  type CheckedCitizen,
  type CitizenSource,
  createAktivsjekkenClient,
  createStatusCache,
  createStatusChangeFeed,
  reachRules,
} from "../src/index.ts";
import { type Answer, json, quick, startServer, type TestServer } from "./_server.ts";

let server: TestServer;
afterEach(() => server.close());

/** Synthetic numbers of Tenor's form; the service does not look at control digits. */
const numbers = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => `0181${String(8_000_000 + from + n)}`);

const status = (self: boolean, others = false, tildeltFullmakt = false) => ({
  erDigitaltAktivSelv: self,
  erDigitaltAktivViaAndre: others,
  tildeltFullmakt,
});

/** What the service holds of a number: nothing for each tenth. */
const truth = (fnr: string) => {
  const digit = Number(fnr.at(-1));
  return digit === 9 ? undefined : status(digit < 6, digit % 2 === 1, digit === 8);
};

const asked = (body: string): string[] => (JSON.parse(body) as { fnrListe: string[] }).fnrListe;
const answerTo = (body: string) => ({
  erAktivListe: Object.fromEntries(
    asked(body).flatMap((fnr) => {
      const one = truth(fnr);
      return one === undefined ? [] : [[fnr, one]];
    }),
  ),
});
const truthful: Answer = (seen, response, n) => json(200, answerTo(seen.body))(seen, response, n);

async function client(answer: Answer = truthful, options: Partial<AktivsjekkenClientOptions> = {}) {
  server = await startServer(answer);
  return createAktivsjekkenClient({
    baseUrl: server.url,
    retry: { ...quick, tries: 1 },
    transport: { breaker: false },
    ...options,
  });
}

async function all(
  source: AsyncIterable<CheckedCitizen>,
): Promise<{ out: CheckedCitizen[]; error: HelsekontaktError | undefined }> {
  const out: CheckedCitizen[] = [];
  try {
    for await (const citizen of source) out.push(citizen);
    return { out, error: undefined };
  } catch (error) {
    return { out, error: error as HelsekontaktError };
  }
}

const callsOf = () => server.seen.map((s) => asked(s.body));

describe("checkAll", () => {
  it("asks for everybody once, in calls of at most a thousand, and answers in the order of the source", async () => {
    const c = await client((seen, response, n) => {
      // The first calls are the slowest.
      setTimeout(() => truthful(seen, response, n), 40 / n);
    });
    const list = numbers(4_500);
    const progress: number[] = [];
    const { out, error } = await all(
      c.checkAll(list, { concurrency: { start: 4 }, onProgress: (p) => progress.push(p.checked, p.total ?? -1) }),
    );
    expect(error).toBeUndefined();
    expect(out.map((o) => o.fnr.reveal())).toEqual(list);
    expect(out.map((o) => o.index)).toEqual(list.map((_, n) => n));
    expect(callsOf().map((call) => call.length)).toEqual([1000, 1000, 1000, 1000, 500]);
    expect(callsOf().flat().sort()).toEqual(list);
    expect(progress).toEqual([1000, 4500, 2000, 4500, 3000, 4500, 4000, 4500, 4500, 4500]);
    for (const citizen of out) {
      if (citizen.outcome !== "answered") throw new Error("expected an answer");
      expect(citizen.status).toEqual(truth(citizen.fnr.reveal()));
      expect(citizen.reach).toBe(reachRules[citizen.rule].reach);
    }
  });

  it("tells by which rule a citizen is reached", async () => {
    const c = await client();
    const { out } = await all(c.checkAll(numbers(10)));
    expect(out.map((o) => o.outcome === "answered" && [o.reach, o.rule])).toEqual([
      ["self", "self-active"],
      ["self", "self-active"],
      ["self", "self-active"],
      ["self", "self-active"],
      ["self", "self-active"],
      ["self", "self-active"],
      ["none", "nobody-active"],
      ["representative", "via-others"],
      ["none", "assigned-but-nobody-active"],
      ["unknown", "not-in-answer"],
    ]);
    for (const { because } of Object.values(reachRules)) expect(because.length).toBeGreaterThan(20);
  });

  it("does not wait for a slow call when answers may come as they arrive", async () => {
    let release = (): void => {};
    const c = await client((seen, response, n) => {
      if (n === 1) release = () => truthful(seen, response, n);
      else truthful(seen, response, n);
    });
    const firsts: number[] = [];
    for await (const batch of c
      .checkAll(numbers(50), { order: "arrival", batchSize: 10, concurrency: { start: 2 } })
      .batches()) {
      firsts.push(batch[0]?.index ?? -1);
      if (firsts.length === 3) release();
    }
    expect(firsts.slice(0, 3)).not.toContain(0);
    expect(firsts.sort((a, b) => a - b)).toEqual([0, 10, 20, 30, 40]);
  });

  it.each(["input", "arrival"] as const)(
    "answers duplicates in their places, in %s order, asking once",
    async (order) => {
      const c = await client((seen, response, n) => {
        setTimeout(() => truthful(seen, response, n), n === 1 ? 60 : 1);
      });
      const [a = "", b = "", d = ""] = numbers(3);
      const list = [a, b, a, d, ...numbers(20, 100), a, b, ...numbers(20, 200), d];
      const { out } = await all(c.checkAll(list, { order, batchSize: 10, concurrency: { start: 4 } }));
      expect(out).toHaveLength(list.length);
      expect(
        callsOf()
          .flat()
          .filter((n) => n === a),
      ).toHaveLength(1);
      expect(new Set(callsOf().flat()).size).toBe(callsOf().flat().length);
      const places = list.map((fnr, n) => [fnr, n] as const).filter(([fnr]) => fnr === a || fnr === b || fnr === d);
      for (const [fnr, index] of places) {
        const citizen = out.find((o) => o.index === index);
        expect(citizen).toMatchObject({
          outcome: "answered",
          status: truth(fnr),
          duplicate: list.indexOf(fnr) !== index,
        });
      }
    },
  );

  it("reports what is no number in its place, by index and line, and sends the rest", async () => {
    const c = await client();
    const good = numbers(3);
    const source = [
      { fnr: good[0] ?? "", line: 2 },
      { fnr: "0181801008", line: 3 },
      { fnr: "", line: 5 },
      { fnr: good[1] ?? "", line: 6 },
      { fnr: "٠١٨١٨٠١٠٠٨٣", line: 7 },
      { fnr: good[2] ?? "", line: 8 },
    ];
    const { out } = await all(
      c.checkAll(source, {
        inspect: (fnr) =>
          fnr === good[1]
            ? { problem: "real-person", level: "error" }
            : fnr === good[2]
              ? { problem: "control-digits", level: "warning" }
              : undefined,
      }),
    );
    expect(out.map((o) => [o.index, o.line, o.outcome, o.outcome === "invalid" ? o.problem : ""])).toEqual([
      [0, 2, "answered", ""],
      [1, 3, "invalid", "not-11-digits"],
      [2, 5, "invalid", "not-11-digits"],
      [3, 6, "invalid", "real-person"],
      [4, 7, "invalid", "not-11-digits"],
      [5, 8, "answered", ""],
    ]);
    expect(out[5]).toMatchObject({ warning: "control-digits" });
    expect(callsOf()).toEqual([[good[0], good[2]]]);
    expect(JSON.stringify(out)).not.toContain(good[1]);
  });

  it("makes no call where nothing is to be asked", async () => {
    const c = await client();
    expect((await all(c.checkAll([]))).out).toEqual([]);
    expect((await all(c.checkAll(["x", "y"]))).out.map((o) => o.outcome)).toEqual(["invalid", "invalid"]);
    expect(server.seen).toEqual([]);
  });

  it("sends the area as a name, or as the code of Volven 7618", async () => {
    const c = await client();
    await all(c.checkAll(numbers(1), { omraade: "Ungdom" }));
    await server.close();
    const older = await client(truthful, { omraadeForm: "code" });
    await all(older.checkAll(numbers(1)));
    await all(older.checkAll(numbers(1), { omraade: "Ungdom" }));
    expect(server.seen.map((s) => (JSON.parse(s.body) as { omraade: unknown }).omraade)).toEqual([3, 6]);
    expect(() => older.checkAll([], { omraade: "Skole" as "Ungdom" })).toThrow(/omraade/);
  });

  it("sends the area as a name until it is refused for it, where that is configured, and as the code from then on", async () => {
    const c = await client(
      (seen, response, n) => {
        const { omraade } = JSON.parse(seen.body) as { omraade: unknown };
        (typeof omraade === "number" ? truthful : json(400, { code: "EHAPI-100000" }))(seen, response, n);
      },
      { omraadeForm: "name-then-code" },
    );
    await all(c.checkAll(numbers(1)));
    await all(c.checkAll(numbers(1), { omraade: "Ungdom" }));
    expect(server.seen.map((s) => (JSON.parse(s.body) as { omraade: unknown }).omraade)).toEqual(["Helsehjelp", 3, 6]);
    await server.close();
    // Refused in either form: the first refusal is told, and the next call begins with the name again.
    const refused = await client(json(400, { code: "EHAPI-100001" }), { omraadeForm: "name-then-code" });
    for (let n = 0; n < 2; n++)
      await expect(refused.check({ fnrListe: numbers(1), omraade: "Helsehjelp" })).rejects.toMatchObject({
        remoteCode: "EHAPI-100001",
      });
    expect(server.seen.map((s) => (JSON.parse(s.body) as { omraade: unknown }).omraade)).toEqual([
      "Helsehjelp",
      3,
      "Helsehjelp",
      3,
    ]);
  });

  it("reads the older names of the flags", async () => {
    const [fnr = ""] = numbers(1);
    const c = await client(json(200, { erAktivListe: { [fnr]: { erAktivSelv: false, erAktivViaAndre: true } } }));
    expect((await all(c.checkAll([fnr]))).out[0]).toMatchObject({ reach: "representative", rule: "via-others" });
  });
});

describe("a call that fails", () => {
  const failing =
    (which: (n: number) => boolean, code = 400): Answer =>
    (seen, response, n) =>
      which(n) ? json(code, { Code: "EHAPI-100000" })(seen, response, n) : truthful(seen, response, n);

  it("ends the run after all that was answered has come out, and says how far it was", async () => {
    const c = await client(failing((n) => n === 3));
    const list = numbers(100);
    const { out, error } = await all(c.checkAll(list, { batchSize: 10, concurrency: { cap: 1 } }));
    expect(out.map((o) => o.outcome)).toEqual([
      ...Array.from({ length: 20 }, () => "answered"),
      ...Array.from({ length: 10 }, () => "failed"),
    ]);
    expect(error).toMatchObject({
      code: "rest/http-status",
      remoteCode: "EHAPI-100000",
      context: { httpStatus: 400, handedOver: 20, failed: 10 },
    });
    expect(server.seen).toHaveLength(3);
    for (const fnr of list) expect(JSON.stringify([error, error?.message])).not.toContain(fnr);
  });

  it("keeps what came of the calls beside it", async () => {
    const c = await client((seen, response, n) => {
      if (n === 1) json(500, "")(seen, response, n);
      else setTimeout(() => truthful(seen, response, n), 60);
    });
    const { out, error } = await all(c.checkAll(numbers(60), { batchSize: 10, concurrency: { start: 4 } }));
    expect(error?.code).toBe("rest/unavailable");
    const outcomes = out.map((o) => o.outcome);
    expect(outcomes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => "failed"));
    expect(outcomes.slice(10).filter((o) => o === "answered").length).toBe((server.seen.length - 1) * 10);
  });

  it("leaves the rest alone where the run is to go on", async () => {
    const c = await client(failing((n) => n % 3 === 0, 500));
    const { out, error } = await all(
      c.checkAll(numbers(90), { batchSize: 10, onFailure: "continue", concurrency: { cap: 1 } }),
    );
    expect(error).toBeUndefined();
    expect(out.filter((o) => o.outcome === "failed").map((o) => Math.floor(o.index / 10))).toEqual(
      [2, 5, 8].flatMap((call) => Array.from({ length: 10 }, () => call)),
    );
    expect(out.filter((o) => o.outcome === "answered")).toHaveLength(60);
  });

  it("asks again for a number whose first call failed when the source has it again", async () => {
    const c = await client(failing((n) => n === 1, 500));
    const [fnr = ""] = numbers(1);
    const { out } = await all(
      c.checkAll([fnr, fnr, ...numbers(30, 50), fnr], {
        batchSize: 1,
        onFailure: "continue",
        concurrency: { cap: 1 },
      }),
    );
    expect([out[0]?.outcome, out[1]?.outcome, out.at(-1)?.outcome]).toEqual(["failed", "failed", "answered"]);
  });

  it.each([401, 403])("with %i ends the run even so: every other call would meet it", async (code) => {
    const c = await client(json(code, ""));
    const { error } = await all(c.checkAll(numbers(100), { batchSize: 10, onFailure: "continue" }));
    expect(error?.context["httpStatus"]).toBe(code);
    expect(server.seen.length).toBeLessThan(4);
  });

  it("ten times in a row ends the run even so", async () => {
    const c = await client(json(500, ""));
    const { error } = await all(
      c.checkAll(numbers(100), { batchSize: 1, onFailure: "continue", concurrency: { cap: 1 } }),
    );
    expect(error?.code).toBe("rest/unavailable");
    expect(server.seen).toHaveLength(10);
  });

  it("waits for an open circuit and goes on", async () => {
    const slept: number[] = [];
    const clock = { now: () => Date.now(), sleep: async (ms: number) => void slept.push(ms) };
    let open = 3;
    const c = await client(truthful, {
      fetch: (request) => {
        if (open-- > 0) return Promise.resolve(new Response("", { status: 500 }));
        return fetch(request);
      },
      transport: { breaker: { failures: 3, openMs: 1, clock } },
    });
    const { out, error } = await all(
      c.checkAll(numbers(50), { batchSize: 5, onFailure: "continue", concurrency: { cap: 1 }, clock }),
    );
    expect(error).toBeUndefined();
    expect(out.filter((o) => o.outcome === "failed")).toHaveLength(15);
    expect(out.filter((o) => o.outcome === "answered")).toHaveLength(35);
  });
});

describe("the source", () => {
  it("is read no further than a slow consumer needs", async () => {
    const c = await client();
    let read = 0;
    async function* source() {
      for (const fnr of numbers(10_000)) {
        read++;
        yield fnr;
      }
    }
    const iterator = c.checkAll(source(), { batchSize: 100, concurrency: { cap: 2 } })[Symbol.asyncIterator]();
    await iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 200));
    // Four batches under way or waiting, the one handed over, and one read ahead.
    expect(read).toBeLessThanOrEqual(601);
    await iterator.return?.();
  });

  it("is closed when the consumer stops, and calls under way end", async () => {
    let closed = false;
    let gone = 0;
    const c = await client((seen, response, n) => {
      if (n === 1) return truthful(seen, response, n);
      response.on("close", () => gone++);
    });
    function* source() {
      try {
        yield* numbers(1_000);
      } finally {
        closed = true;
      }
    }
    for await (const citizen of c.checkAll(source(), { batchSize: 10 })) if (citizen.index === 3) break;
    expect(closed).toBe(true);
    const under = server.seen.length - 1;
    await expect.poll(() => gone).toBe(under);
  });

  it("may fail: what was read before comes out, then its error", async () => {
    const c = await client();
    async function* source() {
      yield* numbers(25);
      throw new TypeError("the line of 01818010083 is broken");
    }
    const { out, error } = await all(c.checkAll(source(), { batchSize: 10 }));
    expect(out).toHaveLength(20);
    expect(error).toMatchObject({ code: "input/invalid", context: { handedOver: 20 } });
    expect(String(error)).not.toContain("01818010083");
  });

  it("may never end: a fired signal ends the wait", async () => {
    const c = await client();
    const abort = new AbortController();
    async function* source() {
      yield* numbers(10);
      await new Promise(() => {});
    }
    const outcomes: string[] = [];
    const { error } = await all(
      (async function* () {
        for await (const citizen of c.checkAll(source(), { batchSize: 5, signal: abort.signal })) {
          // While the next one is waited for.
          if (outcomes.push(citizen.outcome) === 10) setTimeout(() => abort.abort(), 10);
          yield citizen;
        }
      })(),
    );
    expect(outcomes).toEqual(Array.from({ length: 10 }, () => "answered"));
    expect(error?.code).toBe("abort/cancelled");
  });

  it("has a stated limit of distinct numbers", async () => {
    const c = await client();
    const { out, error } = await all(c.checkAll(numbers(30), { batchSize: 10, maxDistinct: 25 }));
    expect(out).toHaveLength(20);
    expect(error).toMatchObject({ code: "input/too-large" });
  });

  it.each([
    { batchSize: 0 },
    { batchSize: 1_001 },
    { batchSize: Number.NaN },
    { concurrency: { cap: 0 } },
    { concurrency: { floor: 1.5 } },
    { maxDistinct: -1 },
  ])("is not touched with options of %o", async (options: CheckAllOptions) => {
    const c = await client();
    expect(() => c.checkAll(numbers(1), options)).toThrow(/whole number/);
  });

  it("signals that have fired before anything is sent end it", async () => {
    const c = await client();
    const { error } = await all(c.checkAll(numbers(3), { signal: AbortSignal.abort() }));
    expect(error?.code).toBe("abort/cancelled");
    expect(server.seen).toEqual([]);
  });
});

describe("concurrency", () => {
  it("grows from two to the cap while the service bears it, and never above", async () => {
    let now = 0;
    let most = 0;
    const c = await client((seen, response, n) => {
      most = Math.max(most, ++now);
      setTimeout(() => {
        now--;
        truthful(seen, response, n);
      }, 10);
    });
    const seen: number[] = [];
    await all(
      c.checkAll(numbers(400), {
        batchSize: 5,
        concurrency: { cap: 6 },
        onProgress: (p) => seen.push(p.concurrency),
      }),
    );
    expect(most).toBeLessThanOrEqual(6);
    expect(most).toBeGreaterThan(2);
    expect(Math.max(...seen)).toBe(6);
  });
});

describe("any source, any failures", () => {
  it("comes out whole: each entry once, in its place, with the truth or a failure", async () => {
    let fails: (n: number) => boolean = () => false;
    const c = await client((seen, response, n) =>
      fails(n) ? json(500, "")(seen, response, n) : truthful(seen, response, n),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.nat(30).map((n) => numbers(1, n)[0] ?? ""),
            fc.constantFrom("", "123", "abcdefghijk"),
          ),
          {
            maxLength: 80,
          },
        ),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom("input" as const, "arrival" as const),
        fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
        fc.boolean(),
        async (list, batchSize, cap, order, failures, streamed) => {
          const before = server.seen.length;
          fails = (n) => failures[(n - before) % 7] === true;
          async function* stream() {
            yield* list;
          }
          const source: CitizenSource = streamed ? stream() : list;
          const options = { batchSize, order, concurrency: { cap }, onFailure: "continue" } as const;
          const { out, error } = await all(c.checkAll(source, options));
          const calls = server.seen.slice(before).map((s) => asked(s.body));
          for (const call of calls) expect(call.length).toBeLessThanOrEqual(batchSize);
          if (error !== undefined) {
            expect(calls.length).toBeGreaterThanOrEqual(10);
            return;
          }
          expect(out.map((o) => o.index).sort((a, b) => a - b)).toEqual(list.map((_, n) => n));
          if (order === "input") expect(out.map((o) => o.fnr.reveal())).toEqual(list);
          for (const citizen of out) {
            const fnr = list[citizen.index] ?? "";
            expect(citizen.fnr.reveal()).toBe(fnr);
            if (fnr.length !== 11 || !/^\d+$/.test(fnr)) expect(citizen.outcome).toBe("invalid");
            else if (citizen.outcome === "answered") expect(citizen.status).toEqual(truth(fnr));
            else expect(citizen.outcome).toBe("failed");
          }
          if (!failures.includes(true)) {
            expect(out.some((o) => o.outcome === "failed")).toBe(false);
            expect(calls.flat().length).toBe(new Set(list.filter((f) => /^\d{11}$/.test(f))).size);
          }
        },
      ),
      { numRuns: 60 },
    );
  }, 30_000);
});

describe("the cache", () => {
  it("saves calls for as long as a status counts, by area", async () => {
    const c = await client();
    let now = 1_000_000;
    const clock = { now: () => now, sleep: () => Promise.resolve() };
    const cache = createStatusCache({ ttlMs: 1_000, clock });
    const list = numbers(10);
    const run = (omraade: "Helsehjelp" | "Ungdom" = "Helsehjelp") => all(c.checkAll(list, { cache, omraade, clock }));
    expect((await run()).out.every((o) => o.outcome === "answered" && !o.cached)).toBe(true);
    const { out } = await run();
    // The one that the answer did not mention is not known and is asked for again.
    expect(callsOf()).toEqual([list, [list[9]]]);
    expect(out.map((o) => o.outcome === "answered" && [o.cached, o.status])).toEqual(
      list.map((fnr) => [truth(fnr) !== undefined, truth(fnr)]),
    );
    await run("Ungdom");
    expect(callsOf().at(-1)).toEqual(list);
    await cache.forget(list[0] ?? "");
    await run();
    expect(callsOf().at(-1)).toEqual([list[0], list[9]]);
    now += 1_001;
    await run();
    expect(callsOf().at(-1)).toEqual(list);
  });

  it("keeps no more than it was told", async () => {
    const c = await client();
    const cache = createStatusCache({ maxEntries: 5 });
    await all(c.checkAll(numbers(100), { cache }));
    expect(cache.size).toBe(5);
    for (const options of [{ ttlMs: 0 }, { maxEntries: 0.5 }]) expect(() => createStatusCache(options)).toThrow();
  });

  it("follows the change feed, and is passed over while the feed cannot be read", async () => {
    let changed: unknown = [];
    let feedStatus = 200;
    const offsets: (string | null)[] = [];
    const c = await client((seen, response, n) => {
      if (seen.method !== "GET") return truthful(seen, response, n);
      offsets.push(new URL(seen.url, "http://x").searchParams.get("offset"));
      json(feedStatus, changed)(seen, response, n);
    });
    let now = Date.UTC(2026, 10, 25, 12);
    const clock = { now: () => now, sleep: () => Promise.resolve() };
    const feed = createStatusChangeFeed({ baseUrl: server.url, retry: { tries: 1 } });
    const cache = createStatusCache({
      ttlMs: 86_400_000,
      clock,
      changes: { feed, everyMs: 60_000, overlapMs: 30_000 },
    });
    const list = numbers(5);
    const posts = () => server.seen.filter((s) => s.method === "POST").map((s) => asked(s.body));
    const run = () => all(c.checkAll(list, { cache, clock }));
    await run();
    now += 59_000;
    await run();
    expect([posts(), offsets]).toEqual([[list], []]);
    now += 1_000;
    changed = [list[2], "01818099999"];
    await run();
    expect(offsets).toEqual(["2026-11-25T11:59:30.00000Z"]);
    expect(posts().slice(1)).toEqual([[list[2]]]);
    now += 60_000;
    feedStatus = 500;
    await run();
    expect(posts().slice(2)).toEqual([list]);
    feedStatus = 200;
    changed = { endringer: [{ id: 4, fnr: list[4] }] };
    await run();
    // It asks from where it last succeeded.
    expect(offsets.at(-1)).toBe("2026-11-25T12:00:30.00000Z");
    expect(posts().slice(3)).toEqual([[list[4]]]);
  });

  it("keeps nothing from before its clock was set back, nor asks the feed from a time to come", async () => {
    const offsets: (string | null)[] = [];
    const c = await client((seen, response, n) => {
      if (seen.method !== "GET") return truthful(seen, response, n);
      offsets.push(new URL(seen.url, "http://x").searchParams.get("offset"));
      json(200, [])(seen, response, n);
    });
    let now = Date.UTC(2026, 10, 25, 18);
    const clock = { now: () => now, sleep: () => Promise.resolve() };
    const feed = createStatusChangeFeed({ baseUrl: server.url, retry: { tries: 1 } });
    const changes = { feed, everyMs: 60_000, overlapMs: 30_000 };
    const cache = createStatusCache({ ttlMs: 86_400_000, clock, changes });
    const list = numbers(3);
    const posts = () => server.seen.filter((s) => s.method === "POST").map((s) => asked(s.body));
    await all(c.checkAll(list, { cache, clock }));
    now -= 6 * 3_600_000;
    await all(c.checkAll(list, { cache, clock }));
    expect(posts()).toEqual([list, list]);
    now += 60_000;
    await all(c.checkAll(list, { cache, clock }));
    expect([posts().length, offsets]).toEqual([2, ["2026-11-25T11:59:30.00000Z"]]);
  });

  it.each([
    ["no list", {}],
    ["a list of other things", ["x"]],
    ["a list of nothing", [null]],
  ])("takes %s from the feed for no answer", async (_name, body) => {
    await client(json(200, body));
    const feed = createStatusChangeFeed({ baseUrl: server.url });
    await expect(
      (async () => {
        for await (const _ of feed.changedSince(new Date(0)));
      })(),
    ).rejects.toMatchObject({ code: "rest/response-invalid" });
  });
});
