import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const run = promisify(execFile);

describe("the first example in amqp-messaging's README", () => {
  it("runs as it stands there, and prints what it says", async () => {
    const text = await readFile(new URL("../../amqp-messaging/README.md", import.meta.url), "utf8");
    const code = /```ts\n([\s\S]*?)```/.exec(text)?.[1];
    const output = /```text\n([\s\S]*?)```/.exec(text)?.[1];
    expect(output).toBeTruthy();
    // Here, where both packages can be found.
    const file = fileURLToPath(new URL("./_amqp-readme.ts", import.meta.url));
    await writeFile(file, code ?? "");
    try {
      const { stdout, stderr } = await run(process.execPath, [
        "--conditions=helsekontakt-source",
        "--no-warnings=ExperimentalWarning",
        file,
      ]);
      expect(stderr).toBe("");
      expect(stdout.trim().split("\n").toSorted()).toEqual(output?.trim().split("\n").toSorted());
    } finally {
      await rm(file, { force: true });
    }
  });
});
