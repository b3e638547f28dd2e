import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { HelsekontaktError } from "./error.ts";
import { errorCodes } from "./error-codes.ts";

const marker = "01818010083";

describe("HelsekontaktError", () => {
  it("puts the code in front of the message and takes `retryable` from the code unless told", () => {
    const error = new HelsekontaktError("amqp/timeout", "expected an outcome, found none");
    expect(error.message).toBe("[amqp/timeout] expected an outcome, found none");
    expect(error.retryable).toBe(true);
    expect(new HelsekontaktError("amqp/timeout", "x", { retryable: false }).retryable).toBe(false);
    expect(new HelsekontaktError("config/invalid", "x").retryable).toBe(false);
  });

  it("shows the foreign error behind it neither in JSON, nor in inspect, nor as a string", () => {
    const error = new HelsekontaktError("internal/unknown", "x", { original: new Error(marker), hint: "look again" });
    for (const shown of [
      JSON.stringify(error),
      inspect(error, { depth: 9, showHidden: true }),
      String(error),
      error.stack,
    ])
      expect(shown).not.toContain(marker);
    expect((error.original() as Error).message).toBe(marker);
    expect(inspect(error)).toContain("look again");
    expect(inspect({ nested: [error] }, { depth: 9, showHidden: true })).not.toContain(marker);
  });

  it("writes code, message, hint, remote code and context as JSON, and leaves out what is absent", () => {
    const full = { hint: "h", remoteCode: "amqp:not-found", context: { queue: "q", tries: 2 } };
    expect(JSON.parse(JSON.stringify(new HelsekontaktError("amqp/rejected", "m", full)))).toEqual({
      name: "HelsekontaktError",
      code: "amqp/rejected",
      message: "[amqp/rejected] m",
      retryable: false,
      ...full,
    });
    expect(Object.keys(new HelsekontaktError("amqp/rejected", "m").toJSON())).not.toContain("hint");
  });

  it("recognises errors of another copy of the SDK by their brand", () => {
    const foreign = Object.assign(new Error("x"), { [Symbol.for("helsekontakt.error")]: ["HelsekontaktError"] });
    expect(foreign instanceof HelsekontaktError).toBe(true);
    for (const other of [new Error("x"), null, undefined, "x", {}])
      expect(other instanceof HelsekontaktError).toBe(false);
  });

  it("passes its own through, names aborts, and wraps everything else", () => {
    const own = new HelsekontaktError("journal/closed", "x");
    expect(HelsekontaktError.from(own)).toBe(own);
    expect(HelsekontaktError.from(new DOMException(marker, "AbortError")).code).toBe("abort/cancelled");
    const wrapped = HelsekontaktError.from(new Error(marker), "journal/unavailable", "expected a store, found none");
    expect([wrapped.code, wrapped.message]).toEqual([
      "journal/unavailable",
      "[journal/unavailable] expected a store, found none",
    ]);
    expect(HelsekontaktError.from(marker).message).toBe("[internal/unknown] an unexpected fault");
  });
});

describe("errorCodes", () => {
  it("are retryable as errors of theirs are", () => {
    for (const [code, { retryable }] of Object.entries(errorCodes))
      expect([code, new HelsekontaktError(code as keyof typeof errorCodes, "x").retryable]).toEqual([code, retryable]);
  });

  it("are `layer/reason` with a meaning each, said once", () => {
    for (const [code, { meaning }] of Object.entries(errorCodes)) {
      expect(code).toMatch(/^[a-z]+\/[a-z]+(-[a-z]+)*$/);
      expect(meaning.length, code).toBeGreaterThan(10);
      expect(meaning, code).not.toMatch(/\.$/);
    }
    const meanings = Object.values(errorCodes).map((c) => c.meaning);
    expect(new Set(meanings).size).toBe(meanings.length);
  });
});
