import { inspect } from "node:util";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createHelsekontakt,
  describeConfig,
  type HelsekontaktConfig,
  type MemberFileIssue,
  type MemberFileOptions,
  readMembers,
  readNumbers,
} from "../src/index.ts";

const digits = (count: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."123456789"), minLength: count, maxLength: count });
/** A number of a person, in the forms that registers have it in. */
const number = fc.oneof(
  digits(11),
  fc.tuple(digits(6), fc.constantFrom(" ", "-", ".", "\u00a0"), digits(5)).map((parts) => parts.join("")),
  digits(10),
);

/** Every way in which an error comes to be text. */
function sinks(error: unknown): string {
  const e = error as Error;
  return [
    String(e),
    e.stack,
    JSON.stringify(e),
    JSON.stringify(Object.getOwnPropertyDescriptors(e)),
    inspect(e, { depth: Infinity, showHidden: true, getters: true }),
  ].join("\n");
}

/** Digits alone: one that stands apart, or with something invisible between, is as readable. */
const bare = (text: string): string => text.replaceAll(/[^\p{L}\p{N}"{}:,]/gu, "");

describe("files of members and of numbers", () => {
  it("tell of no line, and of no file, what it holds", async () => {
    const line = fc.record({
      form: fc.constantFrom("csv", "quoted", "open", "json", "key", "half", "swapped"),
      fnr: number,
      name: fc.constantFrom("Markørsen", "Åse Markør", "O'Markør; Per"),
      date: fc.constantFrom("2026-08-01", "01.08.2026", "1.8.26", "i morgen"),
    });
    const encodings = ["utf8", "latin1", "utf16le"] as const;
    const file = fc.record({
      header: fc.constantFrom("", "fnr;fra;til\n", "fnr,fra,til,navn\n", "navn;noe\n", "\uFEFFfnr;fra;til\n"),
      lines: fc.array(line, { minLength: 1, maxLength: 5 }),
      encoding: fc.constantFrom(...encodings),
      end: fc.constantFrom("\n", "\r\n", ""),
      options: fc.record(
        {
          format: fc.constantFrom("csv", "ndjson"),
          header: fc.boolean(),
          encoding: fc.constantFrom("utf-8", "windows-1252"),
          delimiter: fc.constantFrom(",", ";", "\t"),
        } as const,
        { requiredKeys: [] },
      ),
    });
    let [told, refused] = [0, 0];
    await fc.assert(
      fc.asyncProperty(file, async ({ header, lines, encoding, end, options }) => {
        const text = lines.map(({ form, fnr, name, date }) => {
          if (form === "csv") return `${fnr};${date};2026-07-31;${name}`;
          if (form === "swapped") return `${name};${fnr};${date}`;
          if (form === "quoted") return `"${fnr}","${date}","${name}"`;
          if (form === "open") return `"${fnr};${date};${name}`;
          const object = JSON.stringify({ fnr, fra: date, til: name, [fnr]: Number(fnr) });
          return form === "json" ? object : form === "key" ? JSON.stringify({ [fnr]: name }) : object.slice(0, -9);
        });
        const bytes = Buffer.from(header + text.join(end === "" ? "\n" : end) + end, encoding);
        const shown: string[] = [];
        const onIssue = (issue: MemberFileIssue): void => {
          told++;
          // The number of the line may be any number.
          shown.push(JSON.stringify({ ...issue, line: 0 }));
        };
        const readers = [
          () => readMembers([bytes], { ...(options as MemberFileOptions), persons: "synthetic", onIssue }),
          () => readNumbers([bytes], { onIssue }),
        ];
        for (const read of readers)
          try {
            for await (const good of read()) void good;
          } catch (error) {
            refused++;
            shown.push(sinks(error));
          }
        for (const { fnr, name } of lines)
          for (const value of [fnr, name])
            expect(shown.filter((t) => t.includes(value) || bare(t).includes(bare(value)))).toEqual([]);
      }),
      { numRuns: 400 },
    );
    expect([told > 200, refused > 100]).toEqual([true, true]);
  });
});

describe("a configuration", () => {
  it("shows no password and no key, neither in its faults nor when it is described", () => {
    const secret = fc.oneof(
      fc.string({ unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789/+="), minLength: 12, maxLength: 60 }),
      fc.string({ unit: "grapheme", minLength: 12, maxLength: 30 }),
    );
    const places: readonly ((s: string) => Record<string, unknown>)[] = [
      (s) => ({ amqp: { host: "localhost", username: "u", password: s } }),
      (s) => ({ amqp: { url: `amqp://u:${encodeURIComponent(s)}@localhost/x`, password: { value: s } } }),
      (s) => ({ amqp: s }),
      (s) => ({ helseid: { issuer: "https://x.example", clientId: "c", key: { jwk: { kty: "RSA", d: s } } } }),
      (s) => ({ helseid: { issuer: "https://x.example", clientId: "c", key: { jwk: JSON.stringify({ d: s }) } } }),
      (s) => ({ helseid: { clientId: "c", key: { pem: s, kid: "k", alg: "PS256", passphrase: s } } }),
      (s) => ({ helseid: { clientId: "c", key: s } }),
      (s) => ({ keys: { signing: { pem: s, certificate: "x" }, decryption: [{ pem: s, certificate: s }] } }),
      (s) => ({ keys: s }),
      (s) => ({ registry: { soap: { username: "u", password: s } } }),
      (s) => ({ rest: { network: { proxy: `http://u:${encodeURIComponent(s)}@p.example` } } }),
    ];
    let failed = 0;
    fc.assert(
      fc.property(secret, fc.constantFrom(...places), fc.boolean(), (hidden, place, named) => {
        const config = {
          environment: "LOCAL",
          ...(named ? { organisation: { herId: "x", name: "", organisationNumber: "1", services: [] } } : {}),
          ...place(hidden),
        } as unknown as HelsekontaktConfig;
        const shown: string[] = [];
        for (const attempt of [() => createHelsekontakt(config).aktivsjekk, () => describeConfig(config)])
          try {
            const result: unknown = attempt();
            shown.push(JSON.stringify(result), inspect(result, { depth: Infinity, showHidden: true }));
          } catch (error) {
            failed++;
            shown.push(sinks(error));
          }
        for (const value of [hidden, encodeURIComponent(hidden), JSON.stringify(hidden).slice(1, -1)])
          expect(shown.filter((text) => text.includes(value))).toEqual([]);
      }),
      { numRuns: 300 },
    );
    expect(failed).toBeGreaterThan(100);
  });
});
