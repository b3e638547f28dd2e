import { HelsekontaktError, holdLockFile } from "@helsekontakt/core";

/**
 * Takes the lock file of a key store, also from a holder that no longer lives.
 *
 * @returns what gives it back.
 * @throws {HelsekontaktError} `auth/key-store`, retryable, when a living process holds it
 */
export function holdLock(path: string): Promise<() => Promise<void>> {
  return holdLockFile(path, {
    busy: () =>
      new HelsekontaktError("auth/key-store", "expected the key store to be free, found it in use", {
        retryable: true,
        hint: "another rotation is running; try again when it has ended",
      }),
    unusable: (code) =>
      new HelsekontaktError("auth/key-store", `expected a folder for the key store's lock, found ${String(code)}`, {
        hint: "check path and owner",
      }),
  });
}
