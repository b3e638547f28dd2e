import { describe, expect, it } from "vitest";
import { HelsekontaktError } from "./error.ts";
import { type Issue, ValidationError, validationResult } from "./issue.ts";

const warning: Issue = { level: "warning", rule: "profile/x", path: "/A", message: "expected b, found none" };
const error: Issue = { level: "error", rule: "xsd/y", path: "/A/B[1]", line: 3, message: "expected c, found d" };

describe("validationResult()", () => {
  it("is invalid exactly when an issue has level error, and keeps the issues in order", () => {
    expect(validationResult([])).toEqual({ valid: true, issues: [] });
    expect(validationResult([warning]).valid).toBe(true);
    expect(validationResult([warning, error])).toEqual({ valid: false, issues: [warning, error] });
  });
});

describe("ValidationError", () => {
  it("names the count and the first error, and the rules once each", () => {
    const fault = new ValidationError("xml/not-valid", [warning, error, error], "the message");
    expect(fault.message).toBe(
      "[xml/not-valid] expected the message to be valid, found 3 issue(s); first at /A/B[1]: expected c, found d",
    );
    expect(fault.context).toEqual({ rules: ["profile/x", "xsd/y"] });
    expect(fault.issues).toHaveLength(3);
    expect(fault).toBeInstanceOf(HelsekontaktError);
  });

  it("does without a first error when there are only warnings", () => {
    expect(new ValidationError("fhir/not-valid", [warning], "it").message).toBe(
      "[fhir/not-valid] expected it to be valid, found 1 issue(s)",
    );
  });
});

describe("ValidationError", () => {
  it("is told apart from other errors of the SDK, and is one of them", () => {
    const error = new ValidationError("xml/not-valid", [], "a message");
    expect(error instanceof ValidationError).toBe(true);
    expect(error instanceof HelsekontaktError).toBe(true);
    expect(new HelsekontaktError("xml/not-valid", "x") instanceof ValidationError).toBe(false);
    expect(new Error("x") instanceof ValidationError).toBe(false);
  });
});
