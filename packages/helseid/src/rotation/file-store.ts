import { mkdir, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { HelsekontaktError } from "@helsekontakt/core";
import { holdLock } from "./lock.ts";
import { decodeKeys, encodeKeys } from "./store-format.ts";
import type { KeyStore } from "./types.ts";

/** Settings of {@link createFileKeyStore}. */
export interface FileKeyStoreOptions {
  /** Encrypts the file (scrypt, AES-256-GCM). Default: not encrypted, only readable by its owner. */
  readonly passphrase?: string | (() => string | Promise<string>);
}

/**
 * A key store in one file: mode 0600, replaced by an atomic rename after `fsync`, with a lock file beside it.
 *
 * A crash leaves either the old content or the new one. The folder is made when it is not there.
 */
export function createFileKeyStore(path: string, options: FileKeyStoreOptions = {}): KeyStore {
  const passphrase = async (): Promise<string | undefined> =>
    typeof options.passphrase === "function" ? options.passphrase() : options.passphrase;
  return {
    async load() {
      let text: string;
      try {
        await refuseShared(path);
        text = await readFile(path, "utf8");
      } catch (error) {
        if ((error as { code?: unknown }).code === "ENOENT") return { keys: [] };
        throw fault("be readable", error);
      }
      return decodeKeys(text, await passphrase());
    },
    async save(keys) {
      const text = await encodeKeys(keys, await passphrase());
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await replace(path, text);
      } catch (error) {
        throw fault("be writable", error);
      }
    },
    async exclusive(work) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
        throw fault("be writable", error);
      });
      const release = await holdLock(`${path}.lock`);
      try {
        return await work();
      } finally {
        await release();
      }
    },
  };
}

/** Write beside, make durable, rename over, make the rename durable. */
async function replace(path: string, text: string): Promise<void> {
  const temporary = join(
    dirname(path),
    `.${process.pid}.${Date.now()}.${Math.random().toString(36).slice(2)}.keys.tmp`,
  );
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}

async function syncFolder(folder: string): Promise<void> {
  // Windows has no folders to sync; there the rename is the file system's own affair.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function refuseShared(path: string): Promise<void> {
  const { mode } = await stat(path);
  if (process.platform !== "win32" && (mode & 0o077) !== 0)
    throw new HelsekontaktError(
      "auth/key-store",
      "expected a key store that only its owner may read, found a wider mode",
      {
        hint: "chmod 600 it, and rotate the key if others may have read it",
      },
    );
}

function fault(what: string, original: unknown): HelsekontaktError {
  if (original instanceof HelsekontaktError) return original;
  const code = String((original as { code?: unknown }).code ?? "an unknown fault");
  return new HelsekontaktError("auth/key-store", `expected the key store to ${what}, found ${code}`, {
    hint: "check path, owner and free space",
  });
}
