import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const here = fileURLToPath(new URL("..", import.meta.url));

async function node(...args: string[]): Promise<string> {
  const options = ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning"];
  return (await promisify(execFile)(process.execPath, [...options, ...args], { cwd: here })).stdout;
}

describe("what the README shows", () => {
  it("runs as it is pasted", async () => {
    const code = /```ts\n([^]*?)```/.exec(readFileSync(`${here}README.md`, "utf8"))?.[1] ?? "";
    expect(code).toContain("createTokenSource");
    expect(await node("--input-type=module", "--eval", code)).toBe("200 {}\n");
  });

  it("runs the example with organisation numbers: two token requests, three calls", async () => {
    const lines = (await node("examples/call-an-api.ts")).trim().split("\n");
    expect(lines).toEqual([
      ...Array(3).fill("200 { ok: true, orgnr: 'NO:ORGNR:999999999:' }"),
      "token requests: 2 (one answered with a nonce), API calls: 3",
    ]);
  });
});
