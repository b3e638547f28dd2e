import { HelsekontaktError } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import type { TokenRequest } from "../src/index.ts";
import { toToken } from "../src/token-answer.ts";

const read = (answer: Record<string, unknown>, request: TokenRequest, binding: "dpop" | "bearer" = "dpop") =>
  toToken({ access_token: "value", token_type: "dpop", ...answer } as never, request, binding, 1_000);

function refusal(...args: Parameters<typeof read>): HelsekontaktError {
  try {
    read(...args);
  } catch (error) {
    return error as HelsekontaktError;
  }
  throw new Error("expected a refusal");
}

describe("a token's answer", () => {
  it("gives what was granted, and when it expires, counted from when it was asked for", () => {
    const token = read({ scope: " a  b ", expires_in: 60 }, { scopes: ["a"] });
    expect(token).toMatchObject({ tokenType: "DPoP", scopes: ["a", "b"], rejectedScopes: [], expiresAt: 61_000 });
    expect(token.accessToken.reveal()).toBe("value");
  });

  it("without scopes and lifetime means the scopes asked for and no known end", () => {
    const token = read({ token_type: "bearer" }, { scopes: ["a", "b"] }, "bearer");
    expect(token).toMatchObject({ tokenType: "Bearer", scopes: ["a", "b"], expiresAt: undefined });
  });

  it("of the other kind is refused, a bound one and an unbound one", () => {
    const unbound = refusal({ token_type: "bearer" }, { scopes: [] });
    expect(unbound).toMatchObject({ code: "auth/token-not-bound", hint: expect.stringMatching(/bound key/) as string });
    const bound = refusal({ token_type: "dpop" }, { scopes: [] }, "bearer");
    expect(bound.code).toBe("auth/token-rejected");
    expect(bound.hint).toBeUndefined();
  });

  it("with fewer scopes is refused and names those that were asked for and are missing", () => {
    const narrow = refusal({ scope: "a" }, { scopes: ["b", "a", "c"] });
    expect(narrow).toMatchObject({ code: "auth/scope-rejected", context: { missing: ["b", "c"] } });
    const rejected = refusal({ scope: "a b", rejected_scope: "b other" }, { scopes: ["a", "b"] });
    expect(rejected).toMatchObject({ code: "auth/scope-rejected", context: { missing: ["b"] } });
    expect(refusal({ scope: "a", rejected_scope: ["other"] }, { scopes: ["a"] }).code).toBe("auth/scope-rejected");
  });

  it("with fewer scopes is taken where the caller takes it, each refused scope told once", () => {
    const wanted = { scopes: ["a", "b", "c"], acceptNarrowerScope: true };
    expect(read({ scope: "a", rejected_scope: " b  b" }, wanted).rejectedScopes).toEqual(["b", "c"]);
    expect(read({ scope: "a", rejected_scope: ["c", 7, "", null, "c"] }, wanted).rejectedScopes).toEqual(["c", "b"]);
    expect(read({ scope: "a b c", rejected_scope: { b: true } }, wanted).rejectedScopes).toEqual([]);
    expect(refusal({ scope: "a" }, { scopes: ["a", "b"], acceptNarrowerScope: false }).code).toBe(
      "auth/scope-rejected",
    );
  });
});
