import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("./_session-ended.ts", import.meta.url));

function run(when: string): {
  readonly status: number | null;
  readonly lines: readonly string[];
  readonly faults: string;
} {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      "--experimental-strip-types",
      "--conditions=helsekontakt-source",
      "--no-warnings=ExperimentalWarning",
      program,
      when,
    ],
    { encoding: "utf8" },
  );
  return { status, lines: stdout.trim().split("\n"), faults: stderr };
}

describe("a session that PostgreSQL ends in the bytes that say it is ready", () => {
  it("fails the call that was handed its client, and not the process, when it had just been made", () => {
    expect(run("connect")).toEqual({ status: 0, lines: ["journal/unavailable"], faults: "" });
  });

  it("nor when the application's statement had just been answered", () => {
    expect(run("statement")).toEqual({ status: 0, lines: ["fulfilled", "journal/unavailable"], faults: "" });
  });
});
