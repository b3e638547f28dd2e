import { describe, expect, it } from "vitest";
import { retryAfterMs } from "./retry-after.ts";

describe("retryAfterMs()", () => {
  const now = Date.UTC(2026, 0, 1);
  it.each([
    ["seconds", " 7 ", 7_000],
    ["a date to come", "Thu, 01 Jan 2026 00:00:03 GMT", 3_000],
    ["a date gone by", "Wed, 31 Dec 2025 23:59:59 GMT", 0],
    ["neither", "soon", 0],
    ["no header", null, 0],
  ])("reads %s", (_, header, want) => {
    expect(retryAfterMs(header, now)).toBe(want);
  });
});
