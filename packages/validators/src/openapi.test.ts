import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bodies } from "./gen/openapi/aktivsjekken.ts";
import { codePointLength, deepEqual, formats } from "./openapi/runtime.ts";
import { validateBody } from "./openapi.ts";

const request = { operationId: "checkActive" };
const answer = { operationId: "checkActive", status: 200 };
const fnr = "01818010083";

describe("validateBody", () => {
  it("judges requests strictly", () => {
    expect(validateBody(bodies, request, { fnrListe: [fnr], omraade: "Ungdom" })).toEqual({ valid: true, issues: [] });
    expect(validateBody(bodies, request, { fnrListe: ["1"], omraade: "Alt" })?.issues).toEqual([
      {
        level: "error",
        rule: "openapi/pattern",
        path: "/fnrListe/0",
        message: "expected text of the pattern that the document states, found something else",
      },
      {
        level: "error",
        rule: "openapi/enum",
        path: "/omraade",
        message: "expected one of the values that the document lists, found something else",
      },
    ]);
    expect(validateBody(bodies, request, {})?.issues.map((i) => i.message)).toEqual([
      'expected the member "fnrListe", found none',
      'expected the member "omraade", found none',
    ]);
  });

  it("lets answers grow, and refuses those of another shape", () => {
    const status = { erDigitaltAktivSelv: true, nytt: 1 };
    expect(validateBody(bodies, answer, { erAktivListe: { [fnr]: status }, mer: true })?.valid).toBe(true);
    expect(validateBody(bodies, answer, { erAktivListe: [] })?.valid).toBe(false);
  });

  it("tells no key of a map and no value", () => {
    const result = validateBody(bodies, answer, { erAktivListe: { [fnr]: { erDigitaltAktivSelv: fnr } } });
    expect(result?.issues.map((i) => i.path)).toEqual(["/erAktivListe/*/erDigitaltAktivSelv"]);
    expect(JSON.stringify(result)).not.toContain(fnr);
  });

  it("tells one kind of fault once, and at most a hundred", () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [String(10_000_000_000 + n), 1]));
    expect(validateBody(bodies, answer, { erAktivListe: many })?.issues).toHaveLength(1);
    const list = Array.from({ length: 500 }, () => "x");
    expect(validateBody(bodies, request, { fnrListe: list, omraade: "Ungdom" })?.issues).toHaveLength(100);
  });

  it("knows by operation, status and media type whether the document states anything", () => {
    const of = (place: { operationId?: string; status?: number; mediaType?: string }): unknown =>
      validateBody(bodies, { ...answer, ...place }, {});
    expect(of({ mediaType: "application/json; charset=utf-8" })).toBeDefined();
    expect(of({ mediaType: "text/html" })).toBeUndefined();
    expect(of({ status: 418 })).toBeUndefined();
    expect(of({ operationId: "toString" })).toBeUndefined();
  });

  it("judges any JSON without throwing", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const result = validateBody(bodies, request, value);
        expect(result?.valid).toBe(result?.issues.length === 0);
        validateBody(bodies, answer, value);
      }),
    );
  });
});

describe("the runtime of generated checks", () => {
  it("counts code points", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => codePointLength(text) === [...text].length));
    expect(codePointLength("\ud83d")).toBe(1);
  });

  it("compares values, whatever the order of members", () => {
    expect(deepEqual({ a: 1, b: [{}] }, { b: [{}], a: 1 })).toBe(true);
    expect(deepEqual([1], ["1"])).toBe(false);
  });

  it.each([
    ["date", "2026-02-28", true],
    ["date", "2026-02-29", false],
    ["date", "2026-2-1", false],
    ["date-time", "2026-02-28T23:59:60.5+01:00", true],
    ["date-time", "2026-02-28T24:00:00Z", false],
    ["date-time", "2026-02-28T10:00:00", false],
    ["uuid", "1A8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a01", true],
    ["uuid", "1a8f7a3e8f4e4e0a8c0e3f1d7e0b9a01", false],
    ["uri", "urn:oid:2.16.578", true],
    ["uri", "not a uri", false],
    ["byte", "YQ==", true],
    ["byte", "YWI=", true],
    ["byte", "YW=", false],
    ["byte", "Y===", false],
  ] as const)("%s %s", (format, text, valid) => expect(formats[format](text)).toBe(valid));

  it("int32 ends where it ends", () => {
    expect(formats.int32.validate(2 ** 31 - 1)).toBe(true);
    expect(formats.int32.validate(2 ** 31)).toBe(false);
    expect(formats.int64.validate(1.5)).toBe(false);
  });
});
