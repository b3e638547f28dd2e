import { AsyncLocalStorage } from "node:async_hooks";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, vi } from "vitest";
import { main } from "./index.ts";

/** What one run of the command gave. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly bytes: Buffer;
  readonly err: string;
}

type Captured = Readonly<Record<"stdout" | "stderr", Buffer[]>>;

/** Two runs may be under way at once: each has what was written in its own course of calls. */
const own = new AsyncLocalStorage<Captured>();
const underWay = new Set<Captured>();
let spies: { mockRestore(): void }[] = [];

function capture(name: keyof Captured) {
  return vi.spyOn(process[name], "write").mockImplementation((chunk) => {
    const captured = own.getStore() ?? [...underWay].at(-1);
    captured?.[name].push(Buffer.from(chunk as string));
    return true;
  });
}

/** Runs the command in this process and captures both streams. */
export async function run(...argv: string[]): Promise<Ran> {
  const captured: Captured = { stdout: [], stderr: [] };
  if (underWay.size === 0) spies = [capture("stdout"), capture("stderr")];
  underWay.add(captured);
  try {
    const code = await own.run(captured, () => main(argv));
    const bytes = Buffer.concat(captured.stdout);
    return { code, out: bytes.toString(), bytes, err: Buffer.concat(captured.stderr).toString() };
  } finally {
    underWay.delete(captured);
    if (underWay.size === 0) for (const spy of spies) spy.mockRestore();
  }
}

/** A folder for this test file, removed at its end. */
export function scratch(): (name: string) => string {
  const dir = mkdtempSync(join(tmpdir(), "helsekontakt-cli-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return (name) => join(dir, name);
}
