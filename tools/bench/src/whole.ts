import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Row } from "./measure.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

async function seconds(
  command: string,
  args: readonly string[],
  watch?: RegExp,
): Promise<{ total: number; seen: number | undefined }> {
  const start = process.hrtime.bigint();
  const since = (): number => Number(process.hrtime.bigint() - start) / 1e9;
  let seen: number | undefined;
  const code = await new Promise<number>((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.on("data", (chunk: Buffer) => {
      if (seen === undefined && watch?.test(chunk.toString("utf8"))) seen = since();
    });
    child.on("close", (status) => resolve(status ?? 1));
  });
  if (code !== 0) throw new Error(`expected ${args.join(" ")} to end with 0, found ${code}`);
  return { total: since(), seen };
}

/** Whole commands, in seconds: generation warm and cold, the demo, and its first AppRec. */
export async function benchWhole(): Promise<Row[]> {
  const runner = "tools/workspace/src/run.mjs";
  const cold = await seconds(process.execPath, [runner, "generate", "--force"]);
  const warm = await seconds(process.execPath, [runner, "generate"]);
  const demo = await seconds(
    process.execPath,
    ["--no-warnings=ExperimentalWarning", "packages/cli/bin/helsekontakt.mjs", "demo"],
    /AppRec/,
  );
  const most = (value: number) => ({ kind: "at-most", value }) as const;
  return [
    { name: "generate, cold, seconds", ratio: cold.total, bound: most(60), note: "every generator runs" },
    { name: "generate, warm, seconds", ratio: warm.total, bound: most(2), note: "nothing changed" },
    { name: "demo after install and build, seconds", ratio: demo.total, bound: most(20), note: "five systems" },
    {
      name: "demo, start to first AppRec, seconds",
      ratio: demo.seen ?? Number.NaN,
      bound: most(5),
      note: "process start included",
    },
  ];
}
