import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** What a secret looks like in a file. Keys that tests make are made when they run, and are in no file. */
const secrets: Readonly<Record<string, RegExp>> = {
  "a private key in PEM": /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{40,}/,
  "a private key as JWK": /"d"\s*:\s*"[A-Za-z0-9_-]{40,}"/,
  "a token": /\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}/,
  "a login in an address":
    /\b(?:amqps?|https?|postgres(?:ql)?):\/\/[^\s/:@"'`<>${}]+:(?!password\b|pass\b|secret\b|pw\b)[^\s/@"'`<>${}]{3,}@(?!127\.0\.0\.1|localhost|\[::1\]|[\w.-]*example|host\b|[\w.-]*\.test\b)[\w.-]+/,
};

function secretsIn(text: string): string[] {
  return Object.entries(secrets).flatMap(([what, pattern]) => (pattern.test(text) ? [what] : []));
}

describe("secrets", () => {
  it("are seen where there are any", () => {
    const word = "x".repeat(60);
    expect(secretsIn(`-----BEGIN ${"PRIVATE"} KEY-----\n${word}`)).toEqual(["a private key in PEM"]);
    expect(secretsIn(`{"kty":"EC","d": "${word}"}`)).toEqual(["a private key as JWK"]);
    expect(secretsIn(`Bearer eyJ${word}.eyJ${word}.${word}`)).toEqual(["a token"]);
    expect(secretsIn(`amqps://me:${"hemmelig"}@tb.nhn.no:5671/x`)).toEqual(["a login in an address"]);
    expect(secretsIn("amqp://guest:guest@127.0.0.1:5672 and amqps://user:password@host:5671/Exchange")).toEqual([]);
  });

  it("U7: of anybody are in no file of the repository", () => {
    const files = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);
    expect(files.length).toBeGreaterThan(500);
    const found: string[] = [];
    for (const file of files) {
      const path = `${root}/${file}`;
      if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) continue;
      for (const what of secretsIn(readFileSync(path, "utf8"))) found.push(`${file}: ${what}`);
    }
    expect(found).toEqual([]);
  });
});
