import { describe, expect, it } from "vitest";
// @ts-expect-error -- plain JavaScript: it runs before anything is installed
import { countTests } from "./count-tests.mjs";

describe("countTests()", () => {
  it("sums the closing lines of every run, with and without colours and prefixes", () => {
    const log = [
      "@x/core:test:  Test Files  2 passed (2)",
      "@x/core:test:       Tests  12 passed (12)",
      "\u001b[2m      Tests \u001b[22m \u001b[1m\u001b[31m1 failed\u001b[39m | \u001b[32m118 passed\u001b[39m (119)",
      "Tests were fun",
    ].join("\n");
    expect(countTests(log)).toEqual({ passed: 130, failed: 1 });
  });
});
