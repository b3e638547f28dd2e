import { randomUUID } from "node:crypto";
import { open, readFile, stat, unlink, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import type { LockFaults } from "./lock-file.ts";

/** A holder touches its file this often; one that has not for the second time span is gone, wherever it ran. */
const beatMs = 10_000;
const staleMs = 60_000;
const held = new Set<string>();

/** Takes the file, see `holdLockFile`. */
export async function hold(path: string, faults: LockFaults): Promise<() => Promise<void>> {
  const token = randomUUID();
  for (let tries = 0; ; tries++) {
    try {
      const file = await open(path, "wx", 0o600);
      try {
        await file.writeFile(JSON.stringify({ pid: process.pid, host: hostname(), token }));
      } finally {
        await file.close();
      }
      break;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EEXIST") throw faults.unusable((error as { code?: unknown }).code);
    }
    if (tries > 4 || (await isAlive(path))) throw faults.busy();
    await takeAway(path);
  }
  held.add(token);
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, beatMs);
  beat.unref();
  return async () => {
    clearInterval(beat);
    held.delete(token);
    await unlink(path).catch(() => undefined);
  };
}

/**
 * Removes a dead holder's file. One at a time, and judged again while nobody else may remove it: or two who wait could
 * each remove a file, the second of them a living holder's.
 */
async function takeAway(path: string): Promise<void> {
  const gate = `${path}.gate`;
  try {
    await (await open(gate, "wx", 0o600)).close();
  } catch {
    const { mtimeMs } = await stat(gate).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > staleMs) await unlink(gate).catch(() => undefined);
    return;
  }
  try {
    if (!(await isAlive(path))) await unlink(path).catch(() => undefined);
  } finally {
    await unlink(gate).catch(() => undefined);
  }
}

async function isAlive(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > staleMs) return false;
    const text = await readFile(path, "utf8");
    // Killed between making the file and writing into it, or just now doing so: its age tells.
    if (text === "") return Date.now() - mtimeMs < 1_000;
    const { pid, host, token } = JSON.parse(text) as { pid?: unknown; host?: unknown; token?: unknown };
    if (host !== hostname() || typeof pid !== "number") return true;
    // The same number after a restart, as containers have it, is not the same process.
    if (pid === process.pid) return held.has(String(token));
    process.kill(pid, 0);
    return true;
  } catch (error) {
    const { code } = error as { code?: unknown };
    // ESRCH: no such process. EPERM: there is one. Anything else: the file is gone or no lock.
    return code === "EPERM";
  }
}
