import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import {
  AktivsjekkError,
  type CheckedCitizen,
  createHelsekontakt,
  createStatusCache,
  HelsekontaktError,
  reachRules,
} from "../src/index.ts";
import { createNumberCheck } from "../src/number-check.ts";
import { useSandbox } from "./_harness.ts";

const harness = useSandbox();
// Of the form of real numbers, but their control digits fit nobody.
const real = "01010112345";
const fnrs = () => harness.sandbox.citizens.map((c) => c.fnr);

async function all(source: AsyncIterable<CheckedCitizen>): Promise<CheckedCitizen[]> {
  const out: CheckedCitizen[] = [];
  for await (const citizen of source) out.push(citizen);
  return out;
}

describe("aktivsjekk.check() iterated", () => {
  it("streams in and out: each entry in its place, with reach and rule", async () => {
    const { sdk } = await harness.run({ start: false });
    async function* source() {
      for (const [n, fnr] of fnrs().entries()) yield { fnr, line: n + 2 };
    }
    const out = await all(sdk.aktivsjekk.check(source(), { batchSize: 25 }));
    expect(out.map((c) => [c.index, c.line, c.fnr.reveal()])).toEqual(fnrs().map((fnr, n) => [n, n + 2, fnr]));
    for (const [n, citizen] of out.entries()) {
      if (citizen.outcome !== "answered") throw new Error("expected an answer");
      const { status } = harness.sandbox.citizens[n] ?? {};
      expect(citizen.reach).toBe(status === "assigned" ? "representative" : status);
      expect(reachRules[citizen.rule].reach).toBe(citizen.reach);
    }
  });

  it("sends nobody whom the guard refuses, and says so in the place", async () => {
    const { sdk } = await harness.run({ start: false });
    const before = harness.sandbox.rest.counts.aktivsjekken;
    const [good = ""] = fnrs();
    const out = await all(sdk.aktivsjekk.check([good, real, "1", "80000000098", "99999999999", "01818010082"]));
    expect(out.map((c) => (c.outcome === "invalid" ? c.problem : c.outcome))).toEqual([
      "answered",
      "real-person",
      "not-11-digits",
      "no-person-number",
      "no-person-number",
      "answered",
    ]);
    expect(out[5]).toMatchObject({ warning: "control-digits" });
    expect(harness.sandbox.rest.counts.aktivsjekken).toBe(before + 1);
    const strict = await all(sdk.aktivsjekk.check(["01818010082"], { controlDigits: "error" }));
    expect(strict).toMatchObject([{ outcome: "invalid", problem: "control-digits" }]);
    const lax = await all(sdk.aktivsjekk.check(["01818010082"], { controlDigits: "off" }));
    expect(lax[0]).not.toHaveProperty("warning");
  });

  it("gives batches for those who count in millions", async () => {
    const { sdk } = await harness.run({ start: false });
    const sizes: number[] = [];
    for await (const batch of sdk.aktivsjekk.check(fnrs(), { batchSize: 50 }).batches()) sizes.push(batch.length);
    expect(sizes).toEqual([50, 50, 20]);
  });

  it("uses a cache", async () => {
    const { sdk } = await harness.run({ start: false });
    const cache = createStatusCache();
    await sdk.aktivsjekk.check(fnrs(), { cache });
    const again = await all(sdk.aktivsjekk.check(fnrs(), { cache }));
    expect(again.filter((c) => c.outcome === "answered" && c.cached)).toHaveLength(108);
  });

  it("lets nothing personal out by printing what came out", async () => {
    const { sdk } = await harness.run({ start: false });
    const out = await all(sdk.aktivsjekk.check([...fnrs().slice(0, 3), real, "1"]));
    const printed = inspect(out, { depth: 9, showHidden: true }) + JSON.stringify(out);
    for (const fnr of [...fnrs().slice(0, 3), real]) expect(printed).not.toContain(fnr);
  });
});

describe("aktivsjekk.check() awaited", () => {
  it("sends nothing before it is awaited or iterated", async () => {
    const { sdk } = await harness.run({ start: false });
    const before = harness.sandbox.rest.counts.aktivsjekken;
    const run = sdk.aktivsjekk.check(fnrs());
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(harness.sandbox.rest.counts.aktivsjekken).toBe(before);
    const first = await run;
    expect(await run).toBe(first);
    expect(harness.sandbox.rest.counts.aktivsjekken).toBe(before + 1);
    expect(await sdk.aktivsjekk.check(fnrs()).finally(() => {})).toEqual(first);
  });

  it("takes streams too, and lists what it did not send where asked to", async () => {
    const { sdk } = await harness.run({ start: false });
    async function* source() {
      yield* [fnrs()[0] ?? "", real, "x"];
    }
    const result = await sdk.aktivsjekk.check(source(), { onInvalid: "report" });
    expect([result.counts.self, result.invalid.map((c) => [c.index, c.problem])]).toEqual([
      1,
      [
        [1, "real-person"],
        [2, "not-11-digits"],
      ],
    ]);
    await expect(sdk.aktivsjekk.check(["99999999999"])).rejects.toMatchObject({
      code: "input/invalid",
      context: { problem: "no-person-number", index: 0 },
    });
    await expect(sdk.aktivsjekk.check([])).rejects.toMatchObject({ code: "input/invalid" });
  });

  it("keeps what was answered when a later call fails, out of every log", async () => {
    const { sdk } = await harness.run({ start: false });
    const progress = (): void => {
      if (harness.sandbox.rest.counts.aktivsjekken > 0)
        harness.sandbox.faults.add("aktivsjekken", { kind: "status", status: 400 });
    };
    const error: unknown = await sdk.aktivsjekk
      .check(fnrs(), { batchSize: 20, concurrency: { cap: 1 }, onProgress: progress })
      .catch((e: unknown) => e);
    if (!(error instanceof AktivsjekkError)) throw new Error("expected an AktivsjekkError");
    expect(error instanceof HelsekontaktError).toBe(true);
    expect(error.context).toMatchObject({ httpStatus: 400, failed: 20 });
    const { citizens, failed } = error.partial();
    expect(citizens.length).toBe(error.context["handedOver"]);
    expect(citizens.length).toBeGreaterThanOrEqual(20);
    expect(citizens.map((c) => c.fnr.reveal())).toEqual(fnrs().slice(0, citizens.length));
    expect(failed.map((c) => c.index)).toEqual(
      fnrs()
        .map((_, n) => n)
        .slice(citizens.length, citizens.length + 20),
    );
    const printed = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error);
    for (const fnr of fnrs()) expect(printed).not.toContain(fnr);
  });

  it("goes on without a call that failed where asked to", async () => {
    const { sdk } = await harness.run({ start: false });
    harness.sandbox.faults.add("aktivsjekken", { kind: "status", status: 400 });
    const { citizens, failed } = await sdk.aktivsjekk.check(fnrs(), {
      batchSize: 20,
      onFailure: "continue",
      concurrency: { cap: 1 },
    });
    expect([citizens.length, failed.length]).toEqual([100, 20]);
    expect(failed[0]?.error.code).toBe("rest/http-status");
  });
});

describe("settings", () => {
  it("name faults of the area's form", () => {
    const { config } = harness.sandbox;
    const rest = { ...config.rest, aktivsjekken: { omraade: "number" as "code" } };
    expect(() => createHelsekontakt({ ...config, rest })).toThrow(/rest\.aktivsjekken\.omraade/);
  });

  it("in PROD let real persons through, and synthetic ones not", () => {
    const check = createNumberCheck({ persons: "real" });
    expect([check("01818010083"), check(real)]).toEqual([
      { problem: "synthetic-person", level: "error" },
      { problem: "control-digits", level: "warning" },
    ]);
  });
});
