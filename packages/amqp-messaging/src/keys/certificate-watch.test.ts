import { type Clock, type Logger, silentTelemetry, type Telemetry } from "@helsekontakt/core";
import { beforeAll, describe, expect, it } from "vitest";
import { makeIdentity, type TestIdentity } from "../protection/_test-certificates.ts";
import { type CertificateEntry, type CertificateLine, certificateReport } from "./certificate-report.ts";
import { watchCertificates } from "./certificate-watch.ts";

const day = 86_400_000;
const start = Date.UTC(2026, 0, 1);
let own: TestIdentity;
let previous: TestIdentity;
let partner: TestIdentity;
let replacement: TestIdentity;
beforeAll(async () => {
  const make = (days: number, usage: "nonRepudiation" | "keyEncipherment") =>
    makeIdentity(`Holds ${days} days`, { usage: [usage], notAfter: new Date(start + days * day) });
  [own, previous, partner, replacement] = await Promise.all([
    make(100, "nonRepudiation"),
    make(10, "keyEncipherment"),
    make(90, "keyEncipherment"),
    make(900, "nonRepudiation"),
  ]);
});

const entries = (): CertificateEntry[] => [
  { certificate: own.certificate, role: "signing", source: "keys.signing" },
  { certificate: previous.certificate, role: "previous-decryption", source: "keys.decryption[1]" },
  { certificate: partner.certificate, role: "encryption", source: "profile", herId: "93238" },
];

/** A clock whose sleepers wake when the test moves it. */
function fakeClock(): Clock & { move(ms: number): Promise<void> } {
  let now = start;
  let sleepers: { until: number; wake: () => void }[] = [];
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
        sleepers.push({ until: now + ms, wake: resolve });
      }),
    async move(ms) {
      now += ms;
      const due = sleepers.filter(({ until }) => until <= now);
      sleepers = sleepers.filter(({ until }) => until > now);
      for (const { wake } of due) wake();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe("certificateReport()", () => {
  it("lists role, source, owner, serial number and days left, what ends first at the top", () => {
    const lines = certificateReport(entries(), start);
    expect(lines.map((l) => [l.role, l.daysLeft, l.level])).toEqual([
      ["previous-decryption", 10, "ok"],
      ["encryption", 90, "ok"],
      ["signing", 100, "ok"],
    ]);
    expect(lines[1]).toEqual({
      role: "encryption",
      source: "profile",
      herId: "93238",
      owner: "C=NO, CN=Holds 90 days",
      issuer: "C=NO, CN=Holds 90 days",
      serialNumber: partner.certificate.serialNumber.toLowerCase(),
      thumbprint: partner.certificate.fingerprint.replaceAll(":", "").toLowerCase(),
      notAfter: "2026-04-01T00:00:00.000Z",
      daysLeft: 90,
      level: "ok",
    });
  });

  it.each([
    [60 * day + 1, "ok", undefined],
    [60 * day, "yellow", 60],
    [30 * day, "yellow", 30],
    [7 * day + 1, "yellow", 30],
    [7 * day, "red", 7],
    [1, "red", 7],
    [0, "red", 0],
    [-3 * day, "red", 0],
  ])("%i ms before the end is %s", (left, level, reached) => {
    const [only] = certificateReport(entries().slice(0, 1), start + 100 * day - left);
    expect([only?.level, only?.reached]).toEqual([level, reached]);
  });
});

describe("watchCertificates()", () => {
  it("O9: tells of own and partners' certificates 60, 30 and 7 days ahead and at the end, once each", async () => {
    const clock = fakeClock();
    const told: [number, string, number | undefined][] = [];
    let today = 0;
    const watch = watchCertificates({
      entries,
      onWarning: (line) => told.push([today, line.role, line.reached]),
      everyMs: day / 4,
      clock,
    });
    for (; today <= 101; today++) {
      for (let quarter = 0; quarter < 4; quarter++) await clock.move(quarter === 0 && today === 0 ? 0 : day / 4);
    }
    watch.stop();
    const days = (role: string) => told.filter(([, r]) => r === role).map(([at, , reached]) => [at, reached]);
    expect(days("encryption")).toEqual([
      [30, 60],
      [60, 30],
      [83, 7],
      [90, 0],
    ]);
    expect(days("signing")).toEqual([
      [40, 60],
      [70, 30],
      [93, 7],
      [100, 0],
    ]);
    expect(days("previous-decryption")).toEqual([]);
  });

  it("is silent about a certificate that has been replaced, goes on after faults, and stops", async () => {
    const clock = fakeClock();
    const told: CertificateLine[] = [];
    const lines: string[] = [];
    const record = (message: string): void => void lines.push(message);
    const logger: Logger = { debug: record, info: record, warn: record, error: record };
    let present: readonly CertificateEntry[] | Error = entries().slice(0, 1);
    let looks = 0;
    const watch = watchCertificates({
      entries: () => {
        looks++;
        if (present instanceof Error) throw present;
        return present;
      },
      onWarning: (line) => {
        told.push(line);
        throw new Error("listener");
      },
      everyMs: day,
      clock,
      logger,
    });
    await clock.move(95 * day);
    expect(told.map((l) => [l.reached, l.daysLeft])).toEqual([[7, 5]]);
    present = new Error("registry down");
    await clock.move(day);
    expect(lines).toContain("certificates cannot be looked at, trying again");
    present = [{ certificate: replacement.certificate, role: "signing", source: "keys.signing" }];
    await clock.move(day);
    expect((await watch.look()).map((l) => l.level)).toEqual(["ok"]);
    expect(told).toHaveLength(1);
    const before = looks;
    watch.stop();
    await clock.move(day);
    expect(looks).toBe(before);
  });

  it("O9: gives the days left by role as a gauge", async () => {
    const clock = fakeClock();
    let read: () => Iterable<readonly [number, object?]> = () => [];
    const names: string[] = [];
    const telemetry: Telemetry = {
      ...silentTelemetry,
      observe(metric, from) {
        names.push(metric.name);
        read = from;
        return () => {
          read = () => [];
        };
      },
    };
    const second = { certificate: replacement.certificate, role: "encryption", source: "profile", herId: "2" } as const;
    const watch = watchCertificates({ entries: () => [...entries(), second], onWarning: () => {}, clock, telemetry });
    await watch.look();
    expect(names).toEqual(["helsekontakt.certificates.days_left"]);
    expect([...read()]).toEqual([
      [10, { "helsekontakt.certificate.role": "previous-decryption" }],
      [90, { "helsekontakt.certificate.role": "encryption" }],
      [100, { "helsekontakt.certificate.role": "signing" }],
    ]);
    watch.stop();
    expect([...read()]).toEqual([]);
  });
});
