import { HelsekontaktError } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { AnswerTooLarge, type SeenAnswer } from "../src/http.ts";
import { explainFault, isTransientStatus, tokenError } from "../src/token-errors.ts";

const seen = (status: number, more: Partial<SeenAnswer> = {}): SeenAnswer => ({
  status,
  retryAfter: null,
  date: null,
  nonce: undefined,
  error: undefined,
  description: undefined,
  ...more,
});
const facts = { scopes: ["a"] };

describe("faults of a token request", () => {
  it("lets a typed one pass as it is", () => {
    const own = new HelsekontaktError("auth/key-invalid", "own");
    expect(tokenError(own, seen(500), facts)).toBe(own);
  });

  it("tells a time limit, an answer that is too large, and a failed connection apart", () => {
    const late = tokenError(new DOMException("late", "TimeoutError"), undefined, facts);
    expect(late).toMatchObject({
      code: "auth/token-unavailable",
      retryable: true,
      message: expect.stringMatching(/none in time/) as string,
    });
    const large = tokenError(new AnswerTooLarge(), undefined, facts);
    expect(large).toMatchObject({
      code: "auth/token-unavailable",
      retryable: false,
      message: expect.stringMatching(/1 MiB/) as string,
    });
    for (const reason of [new TypeError("fetch failed"), null, undefined, "text", 7])
      expect(tokenError(reason, undefined, facts)).toMatchObject({
        code: "auth/token-unavailable",
        message: expect.stringMatching(/failed connection/) as string,
      });
  });

  it.each([408, 425, 429, 500, 502, 503, 599])("HTTP status %d passes, whatever error the answer names", (status) => {
    expect(isTransientStatus(status)).toBe(true);
    for (const error of [undefined, "invalid_client"])
      expect(tokenError(new Error("x"), seen(status, { error }), facts)).toMatchObject({
        code: "auth/token-unavailable",
        retryable: true,
        context: { httpStatus: status, scopes: ["a"] },
      });
  });

  it.each([400, 401, 403, 404, 407, 409, 424, 426, 428, 430, 499])("HTTP status %d does not pass", (status) => {
    expect(isTransientStatus(status)).toBe(false);
    expect(tokenError(new Error("x"), seen(status), facts)).toMatchObject({
      code: "auth/token-unavailable",
      retryable: false,
      context: { httpStatus: status },
    });
  });

  it("a body that is no token response does not pass", () => {
    expect(tokenError(new Error("x"), seen(200), facts)).toMatchObject({
      retryable: false,
      message: expect.stringMatching(/another body/) as string,
    });
    expect(tokenError(new Error("x"), seen(201), facts).message).toContain("201");
  });

  it("explains OAuth errors, and HelseID's own codes before them", () => {
    const plain = tokenError(new Error("x"), seen(400, { error: "invalid_client", description: "no code" }), facts);
    expect(plain).toMatchObject({ code: "auth/token-rejected", remoteCode: "invalid_client", retryable: false });
    expect(plain.message).toContain('"invalid_client"');
    expect(plain.message).not.toContain("HID-");
    expect(plain.hint).toContain("What to do:");
    const unknown = tokenError(new Error("x"), seen(400, { error: "no_such_error" }), facts);
    expect(unknown.remoteCode).toBe("no_such_error");
    expect(unknown.hint).toBeUndefined();
    const coded = tokenError(new Error("x"), seen(400, { error: "invalid_client", description: "HID-9999" }), facts);
    expect(coded).toMatchObject({ remoteCode: "HID-9999", message: expect.stringMatching(/HID-9999/) as string });
    expect(coded.hint).toBe(plain.hint);
    const scope = tokenError(new Error("x"), seen(400, { error: "invalid_scope" }), facts);
    expect(scope.code).toBe("auth/scope-rejected");
  });

  it("knows only described codes, and none of an object's own names", () => {
    expect(explainFault("invalid_client")?.todo).toBeTruthy();
    for (const code of ["HID-9999", "toString", "__proto__", ""]) expect(explainFault(code)).toBeUndefined();
  });
});
