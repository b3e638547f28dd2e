import type { HelsekontaktError } from "./error.ts";

/** What to throw: each layer has codes of its own. */
export interface LockFaults {
  /** A living process holds the lock. */
  readonly busy: () => HelsekontaktError;
  /** The file cannot be made; `code` is the system's own. */
  readonly unusable: (code: unknown) => HelsekontaktError;
}

/**
 * Takes a lock file, also from a holder that no longer lives. It holds process number, host and a token, and is touched
 * while it is held.
 *
 * @returns what gives it back.
 * @throws {HelsekontaktError} what `faults` gives
 */
export async function holdLockFile(path: string, faults: LockFaults): Promise<() => Promise<void>> {
  // Loaded when the first lock is taken: what it needs of Node takes longer to load than all of this package.
  const { hold } = await import("./hold-lock-file.ts");
  return hold(path, faults);
}
