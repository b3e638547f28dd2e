import { resourceTypes } from "@helsekontakt/types/fhir";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resourceValidators } from "../gen/fhir/core.ts";
import { isOfType } from "../gen/fhir/core-fast.ts";
import type { FhirObject, ProfileRule } from "./context.ts";
import { createFhirValidator } from "./explaining.ts";
import type { FastProfile } from "./fast.ts";

// As gen-fhir writes them: two slices in order with numbers, a number of entries, and an invariant over all of them.
const sliced: ProfileRule = {
  type: "Bundle",
  whole: ["own-1"],
  check(o, c) {
    c.atLeast(o, "entry", ["entry"], 2);
    c.atMost(o, ["entry"], 4);
    const n: [number, number] = [0, 0];
    const at = { last: 0 };
    c.each(o, "entry", (entry) => {
      const type = (entry["resource"] as FhirObject | undefined)?.["resourceType"];
      if (type === "Patient") {
        n[0]++;
        c.inOrder(at, 1);
        c.atLeast(entry, "fullUrl", ["fullUrl"], 1);
      } else if (type === "Organization") {
        n[1]++;
        c.inOrder(at, 2);
      }
    });
    c.slice("entry", "patients", n[0], 2, 2);
    c.slice("entry", "organizations", n[1], 0, 1);
    if (Array.isArray(o["entry"]) && o["entry"].length === 3) c.invariant("own-1", "error", "expected not three");
  },
};
const unsure: FastProfile = { type: "Bundle", check: () => false };
const profile = "https://example.org/fhir/sliced";
const validator = createFhirValidator({
  resourceValidators,
  isOfType,
  resourceTypes,
  profileRules: { [profile]: sliced },
  fastProfiles: { [profile]: unsure },
});

const entry = fc
  .tuple(fc.constantFrom("Patient", "Organization", "Location"), fc.boolean(), fc.nat(99))
  .map(([resourceType, named, n]) => ({
    ...(named ? { fullUrl: `urn:uuid:1a8f7a3e-8f4e-4e0a-8c0e-0000000000${String(n).padStart(2, "0")}` } : {}),
    resource: { resourceType, name: resourceType === "Organization" ? "E" : undefined },
  }))
  .map((e) => JSON.parse(JSON.stringify(e)) as object);
const lines = (issues: readonly { path: string; rule: string; message: string }[]): string[] =>
  issues.map((i) => `${i.path} ${i.rule} ${i.message}`).sort();

describe("byEntries()", () => {
  it("counts over the entries what a profile asks of them, and says which invariant it does not check", () => {
    const head = { resourceType: "Bundle", type: "collection" };
    fc.assert(
      fc.property(
        fc.uniqueArray(entry, { maxLength: 6, selector: (e) => (e as { fullUrl?: string }).fullUrl ?? e }),
        fc.boolean(),
        fc.boolean(),
        (entries, declared, beside) => {
          const meta = declared ? { meta: { profile: [profile] } } : {};
          const options = declared ? {} : { profile };
          const whole = validator.validate(
            { ...head, ...meta, ...(entries.length > 0 ? { entry: entries } : {}) },
            options,
          );
          const parts = validator.byEntries(options);
          const found = (entries.length > 0 ? entries : [undefined]).flatMap((e, index) =>
            parts
              .judge({ ...head, ...meta, ...(e ? { entry: [e] } : {}) }, beside && e ? [entries[0]] : [])
              .filter((i) => !i.path.startsWith("Bundle.entry[1]") && i.rule !== "fhir/bdl-7")
              .map((i) => ({ ...i, path: i.path.replace("entry[0]", `entry[${index}]`) })),
          );
          const notChecked = parts.rest().filter((i) => i.rule === "fhir/not-checked");
          expect(notChecked.map((i) => [i.level, i.path, i.message.includes("own-1")])).toEqual([
            ["warning", "Bundle", true],
          ]);
          expect(lines([...found, ...parts.rest()].filter((i) => i.rule !== "fhir/not-checked"))).toEqual(
            lines(whole.issues.filter((i) => i.rule !== "fhir/own-1")),
          );
        },
      ),
    );
  });

  it("refuses a profile that the build does not have", () => {
    expect(() => validator.byEntries({ profile: "urn:none" })).toThrow(/expected a profile of this build/);
  });
});
