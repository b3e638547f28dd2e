import { describe, expect, it } from "vitest";
import { checkConfig, findConfigFaults, type HelsekontaktConfig, type RestConfig } from "../src/index.ts";

const base: HelsekontaktConfig = {
  environment: "TEST1",
  organisation: {
    herId: "200001",
    name: "Eksempel kommune",
    organisationNumber: "998888887",
    services: [{ herId: "200002", name: "Hjemmetjenesten" }],
  },
  helsenorge: { herId: "100001", name: "Helsenorge", service: { herId: "100002", name: "Innbyggertjenester" } },
};
const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const most = 2 ** 31 - 1;

function pathsOf(rest: unknown): string[] {
  return findConfigFaults({ ...base, rest: rest as RestConfig }).map((f) => f.path);
}

/** `{ rest: … }` with one setting, by its path below `rest`. */
function at(path: string, value: unknown): unknown {
  return path.split(".").reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
}

/** A number's limits: [least, most]. */
const numbers: readonly [path: string, least: number, most: number][] = [
  ["transport.deadlineMs", 1, most],
  ["transport.maxAnswerBytes", 1, Number.MAX_SAFE_INTEGER],
  ["transport.retry.tries", 1, 20],
  ["transport.retry.baseMs", 0, most],
  ["transport.retry.maxMs", 0, most],
  ["transport.retry.timeoutMs", 1, most],
  ["transport.retryBudget.tokens", 1, 1_000_000],
  ["transport.breaker.failures", 1, most],
  ["transport.breaker.openMs", 1, most],
  ["transport.concurrency.max", 1, 10_000],
  ["transport.concurrency.maxWaiting", 0, 1e9],
  ["network.connections", 1, 10_000],
  ["network.keepAliveMs", 1, most],
];

const others: readonly [path: string, good: readonly unknown[], bad: readonly unknown[]][] = [
  ["aktivsjekken.omraade", ["name", "code", "name-then-code"], ["", "names", 1, null]],
  ["bodies", ["off", "warning", "error"], ["", "on", true, null]],
  ["scopes.aktivsjekken", ["nhn:helsenorge/x"], ["", "a b", 'a"b', 1, null, ["x"]]],
  ["scopes.helsekontakter", ["nhn:helsenorge/x"], ["", "a\nb", 1, null]],
  ["transport.telemetry", [true, false], ["yes", 0, null]],
  ["transport.retry.retryStatus", [new Set([503])], [[503], 503, null]],
  ["transport.retryBudget.perSuccess", [0.1, 1], [0, -1, 1.1, Number.NaN, "1", null]],
  [
    "transport.correlation.header",
    ["x-request-id", "X-Korrelasjon"],
    ["", "a b", "a\r\nb", "a:", "Authorization", "dpop", "content-type", "Host", 5, null],
  ],
  ["transport.correlation.id", [() => "x"], ["x", null]],
  ["network.proxy", ["http://proxy:3128", "https://user:pass@proxy"], ["proxy:3128", "socks5://proxy", "", 5, null]],
  ["network.ca", [pem, [pem, pem], []], ["ca.pem", [pem, "x"], [5], 5, null, {}]],
  ["network", [{}], [null, false, "http://proxy", []]],
  ["aktivsjekken", [{}], [null, "name"]],
  ["scopes", [{}], [null, "nhn:x"]],
  ["transport", [{}], [null, false, 5]],
  ["transport.retry", [{}], [null, false, 3]],
  ["transport.retryBudget", [{}, false], [null, true, 20]],
  ["transport.breaker", [{}, false], [null, true, 10]],
  ["transport.concurrency", [{}, false], [null, true, 64]],
  ["transport.correlation", [{}, false], [null, true, "x-request-id"]],
];

describe("REST settings", () => {
  it("need none", () => {
    for (const rest of [undefined, {}]) expect(pathsOf(rest)).toEqual([]);
  });

  it.each(numbers)("%s is a whole number from %d to %d", (path, least, highest) => {
    for (const good of [undefined, least, highest]) expect(pathsOf(at(path, good))).toEqual([]);
    for (const bad of [least - 1, highest + 1, 1.5, Number.NaN, Infinity, String(least + 1), null, true])
      expect([bad, pathsOf(at(path, bad))]).toEqual([bad, [`rest.${path}`]]);
  });

  it.each(others)("%s", (path, good, bad) => {
    for (const value of [undefined, ...good]) expect([value, pathsOf(at(path, value))]).toEqual([value, []]);
    for (const value of bad) expect([value, pathsOf(at(path, value))]).toEqual([value, [`rest.${path}`]]);
  });

  it("report all faults at once, with what is expected and a hint, and show no value", () => {
    const rest = {
      aktivsjekken: { omraade: "marker-1" },
      scopes: { aktivsjekken: "marker 2", "marker-3": 5 },
      transport: {
        deadlineMs: -90_417,
        telemetry: "marker-4",
        retry: { tries: 90_418 },
        retryBudget: { tokens: 0, perSuccess: 2 },
        breaker: { failures: 0 },
        concurrency: { max: 0 },
        correlation: { header: "marker 5" },
      },
      network: { proxy: "marker-6:80", ca: ["marker-7"], connections: 0 },
    };
    const faults = findConfigFaults({ ...base, rest: rest as never });
    expect(faults.map((f) => f.path).sort()).toEqual(
      [
        "aktivsjekken.omraade",
        "scopes.aktivsjekken",
        "scopes.(other)",
        "transport.deadlineMs",
        "transport.telemetry",
        "transport.retry.tries",
        "transport.retryBudget.tokens",
        "transport.retryBudget.perSuccess",
        "transport.breaker.failures",
        "transport.concurrency.max",
        "transport.correlation.header",
        "network.proxy",
        "network.ca",
        "network.connections",
      ]
        .map((path) => `rest.${path}`)
        .sort(),
    );
    for (const { expected, hint } of faults) {
      expect(expected).not.toBe("");
      expect(hint).not.toBe("");
    }
    expect(() => checkConfig({ ...base, rest: rest as never })).toThrow(/config\/invalid.*found 14 fault/);
    expect(() => checkConfig({ ...base, rest: rest as never })).not.toThrow(/marker|904/);
  });
});
