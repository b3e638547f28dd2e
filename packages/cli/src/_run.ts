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

/** Runs the command in this process and captures both streams. */
export async function run(...argv: string[]): Promise<Ran> {
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  const into = (parts: Uint8Array[]) => (chunk: string | Uint8Array) => {
    parts.push(Buffer.from(chunk as string));
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(into(out)),
    vi.spyOn(process.stderr, "write").mockImplementation(into(err)),
  ];
  try {
    const code = await main(argv);
    const bytes = Buffer.concat(out);
    return { code, out: bytes.toString(), bytes, err: Buffer.concat(err).toString() };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** A folder for this test file, removed at its end. */
export function scratch(): (name: string) => string {
  const dir = mkdtempSync(join(tmpdir(), "helsekontakt-cli-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return (name) => join(dir, name);
}
