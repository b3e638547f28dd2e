import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Sandbox, startSandbox } from "@helsekontakt/sandbox";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { resultHeader } from "../src/aktiv-result.ts";

// The command as a process, against the sandbox in this one.
const packageDir = fileURLToPath(new URL("..", import.meta.url));
const flags = ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning"];
const dir = mkdtempSync(join(tmpdir(), "helsekontakt-aktiv-"));
const bin = join(dir, "bin", "helsekontakt.mjs");
let sandbox: Sandbox;
/** Every number that the sandbox was asked for and knows. */
let asked: string[] = [];
let turn = 0;

/** The real bin file, beside a `dist` that leads to the sources: it must run without a build. */
beforeAll(async () => {
  for (const name of ["bin", "package.json"]) cpSync(join(packageDir, name), join(dir, name), { recursive: true });
  mkdirSync(join(dir, "dist"));
  const source = new URL("../src/index.ts", import.meta.url).href;
  write("dist/index.js", `export * from ${JSON.stringify(source)};\n`);
  sandbox = await startSandbox({ citizens: 12_000 });
  sandbox.rest.aktivsjekken.omit = (fnr) => {
    asked.push(fnr);
    return false;
  };
  const { organisation, helsenorge, rest, helseid } = sandbox.config;
  write("helsekontakt.config.json", {
    environment: "LOCAL",
    organisation,
    helsenorge,
    rest,
    helseid: { issuer: helseid.issuer, clientId: helseid.clientId, key: { jwk: helseid.key.jwk } },
  });
}, 60_000);
afterAll(async () => {
  await sandbox.close();
  rmSync(dir, { recursive: true, force: true });
});
afterEach(() => {
  sandbox.faults.clear();
  asked = [];
});

function write(name: string, content: unknown): string {
  const bytes = typeof content === "string" || Buffer.isBuffer(content) ? content : JSON.stringify(content);
  writeFileSync(join(dir, name), bytes);
  return join(dir, name);
}
const fresh = (): string => join(dir, `result-${++turn}.csv`);
const numbers = (count: number) => sandbox.citizens.slice(0, count).map((c) => c.fnr);
const reachOf = { self: "self", representative: "representative", assigned: "representative", none: "none" } as const;
const expected = (count: number) =>
  sandbox.citizens.slice(0, count).map((c) => [c.fnr, c.status === "unknown" ? "unknown" : reachOf[c.status]]);
/** Lines of a result: number and reach. */
function rows(path: string): string[][] {
  const [header, ...lines] = readFileSync(path, "utf8").split("\n");
  expect(header).toBe(resultHeader);
  expect(lines.pop()).toBe("");
  return lines.map((line) => line.split(",").slice(0, 2));
}

function start(...argv: string[]): ChildProcess {
  return spawn(process.execPath, [...flags, bin, "aktiv", ...argv], { cwd: dir, stdio: ["pipe", "pipe", "pipe"] });
}
async function aktiv(argv: readonly string[], input = ""): Promise<{ code: number; out: string; err: string }> {
  const child = start(...argv);
  let [out, err] = ["", ""];
  child.stdout?.on("data", (part) => (out += String(part)));
  child.stderr?.on("data", (part) => (err += String(part)));
  child.stdin?.end(input);
  const code = await new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? -1)));
  return { code, out, err };
}

describe("helsekontakt aktiv as a process", () => {
  it("goes on after kill -9 at any moment: nothing lost, nothing twice, nothing asked again that was written", async () => {
    const file = write("kill.txt", numbers(12_000).join("\r\n"));
    const out = fresh();
    sandbox.faults.behave("aktivsjekken", { latencyMs: 60 });
    let kills = 0;
    for (const lines of [1, 5_000]) {
      const child = start("--file", file, "--out", out, "--parallel", "1", "--quiet");
      child.stdin?.end();
      const ended = new Promise((resolve) => child.once("close", resolve));
      const until = Date.now() + 20_000;
      while (Date.now() < until && child.exitCode === null) {
        if (existsSync(out) && readFileSync(out, "latin1").split("\n").length > lines) break;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      if (child.exitCode === null && child.kill("SIGKILL")) kills++;
      await ended;
      // What a machine leaves behind that dies in the middle of a write.
      if (lines === 5_000) writeFileSync(out, `${sandbox.citizens[11_999]?.fnr},se`, { flag: "a" });
      const written = new Set(
        readFileSync(out, "latin1")
          .split("\n")
          .slice(1, -1)
          .map((line) => line.slice(0, 11)),
      );
      // One call was under way at a time, and its answer may not have been written.
      expect(asked.filter((fnr) => !written.has(fnr)).length).toBeLessThanOrEqual(2_000);
      asked = [];
      if (lines === 5_000) {
        const last = await aktiv(["--file", file, "--out", out]);
        expect(last.code).toBe(0);
        expect(asked.filter((fnr) => written.has(fnr))).toEqual([]);
      }
    }
    expect(kills).toBe(2);
    expect(rows(out)).toEqual(expected(12_000));
  }, 60_000);

  it("reads standard input, by the column named, and writes to standard output", async () => {
    const [a = "", b = ""] = numbers(2);
    const own = await aktiv(["--file", "-", "--column", "pasient"], `x,pasient\n1,${a}\n2,${b}\n`);
    expect(own.code).toBe(0);
    expect(own.out.split("\n").map((line) => line.split(",")[0])).toEqual(["fnr", a, b, ""]);
  });
});
