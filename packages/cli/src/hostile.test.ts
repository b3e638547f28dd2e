import { HelsekontaktError } from "@helsekontakt/core";
import { fhirToXml, stringifyFhirJson } from "@helsekontakt/types/fhir";
import { serializeXml } from "@helsekontakt/types/xml";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { appRec, ekontakt, episode, fnr, notifikasjon, tjenesteoversikt } from "./_messages.ts";
import { decodeFile, roundTrip } from "./typed.ts";
import { validateFile } from "./validate-file.ts";

const documents: readonly (readonly [string, Buffer])[] = [
  ["a.xml", ekontakt()],
  ["b.xml", notifikasjon()],
  ["c.xml", tjenesteoversikt()],
  ["d.xml", appRec()],
  ["e.json", Buffer.from(stringifyFhirJson(episode()))],
  ["f.xml", Buffer.from(serializeXml(fhirToXml(episode())))],
  ["g.ndjson", Buffer.from(`${stringifyFhirJson(episode())}\n`)],
];

/** A document with a stretch of it removed, doubled, or written over. */
const damaged = fc
  .record({
    document: fc.constantFrom(...documents),
    from: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.integer({ min: 1, max: 200 }),
    how: fc.constantFrom("remove", "double", "overwrite"),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  })
  .map(({ document: [name, content], from, length, how, bytes }) => {
    const start = Math.floor(from * content.length);
    const [before, stretch, after] = [
      content.subarray(0, start),
      content.subarray(start, start + length),
      content.subarray(start + length),
    ];
    const middle = how === "remove" ? [] : how === "double" ? [stretch, stretch] : [Buffer.from(bytes)];
    return { name, bytes: Buffer.concat([before, ...middle, after]) };
  });

describe("damaged documents", () => {
  it("get a verdict, whatever the damage, and no value of theirs in it", () => {
    fc.assert(
      fc.property(damaged, ({ name, bytes }) => {
        const verdict = validateFile(name, bytes);
        expect(verdict.valid).toBe(!verdict.issues.some((i) => i.level === "error"));
        for (const value of [fnr, "Syntetisk", "flytte"]) expect(JSON.stringify(verdict)).not.toContain(value);
      }),
      { numRuns: 700 },
    );
  });

  it("come back equal or end in an error of ours", () => {
    fc.assert(
      fc.property(damaged, ({ name, bytes }) => {
        try {
          expect(roundTrip(name, bytes).equal).toBe(true);
          decodeFile(name, bytes, "tolerant");
        } catch (error) {
          if (!(error instanceof HelsekontaktError)) throw error;
          expect((error as HelsekontaktError).code).toMatch(/^(?:xml|fhir)\//);
        }
      }),
      { numRuns: 700 },
    );
  });
});
