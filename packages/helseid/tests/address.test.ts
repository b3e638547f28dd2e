import { HelsekontaktError } from "@helsekontakt/core";
import { describe, expect, it } from "vitest";
import { checkAddress, isAllowed } from "../src/address.ts";

function refusal(text: string, loopback: boolean): HelsekontaktError {
  try {
    checkAddress(text, "issuer", loopback);
  } catch (error) {
    if (error instanceof HelsekontaktError) return error;
    throw error;
  }
  throw new Error("expected a refusal");
}

describe("addresses", () => {
  it.each([
    ["https://helseid.example", false],
    ["https://helseid.example/path", true],
    ["http://127.0.0.1:8080", true],
  ])("takes %s (loopback %s)", (text, loopback) => {
    expect(checkAddress(text, "issuer", loopback).href).toBe(new URL(text).href);
  });

  it.each([
    ["no address", false],
    ["/path", true],
    ["http://helseid.example", false],
    ["http://helseid.example", true],
    ["http://localhost", true],
    ["http://127.0.0.2", true],
    ["http://127.0.0.1", false],
    ["ftp://127.0.0.1", true],
    ["https://user@helseid.example", false],
    ["https://:secret@helseid.example", false],
    ["https://helseid.example/#part", false],
    ["https://helseid.example/?query", false],
  ])("refuses %s (loopback %s)", (text, loopback) => {
    expect(refusal(text, loopback)).toMatchObject({ code: "config/invalid", context: { setting: "issuer" } });
  });

  it("names the setting for loopback only where it would help", () => {
    expect(refusal("http://127.0.0.1", false).hint).toContain("allowInsecureLoopback");
    expect(refusal("http://helseid.example", false).hint).toBeUndefined();
  });

  it("judges what a service names, too", () => {
    expect(isAllowed(new URL("https://a.example"), false)).toBe(true);
    expect(isAllowed(new URL("http://127.0.0.1"), true)).toBe(true);
    expect(isAllowed(new URL("http://127.0.0.1"), false)).toBe(false);
    expect(isAllowed(new URL("http://a.example"), true)).toBe(false);
    expect(isAllowed(new URL("ws://127.0.0.1"), true)).toBe(false);
  });
});
