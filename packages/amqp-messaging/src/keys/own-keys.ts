import { type Clock, HelsekontaktError, type Logger, silentLogger, systemClock } from "@helsekontakt/core";
import { certificateFacts } from "./certificate-facts.ts";
import type { Identity } from "./identity.ts";

/** The own keys at one moment. Only what is used is needed: who only receives has no signing key. */
export interface OwnKeys {
  /** Signs what goes out. */
  readonly signing?: Identity;
  /** Open what comes in: the present one first, then previous ones while messages for them may still come. */
  readonly decryption?: readonly Identity[];
}

/** Gives the own keys as they are now; asked for each message. */
export type KeySource = () => OwnKeys | Promise<OwnKeys>;

/** What {@link reloadKeys} takes. */
export interface ReloadOptions {
  /** Keys older than this are read anew. Milliseconds, default 60,000. */
  readonly everyMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Told when other certificates are in use than before. What it throws is ignored. */
  readonly onChange?: (keys: OwnKeys, before: OwnKeys) => void;
}

/**
 * Reads the own keys again and again, so that a certificate can be changed while everything runs: put the new file in
 * place, with the previous decryption key still in it. The keys in use stay in use while new ones are read, and when they
 * cannot be read; a message never waits but for the first reading, and never has a key of one reading with a certificate
 * of another.
 *
 * @param load - reads the keys wherever they are kept, for instance with {@link loadIdentities}.
 * @returns a source whose first call throws what `load` throws, and later calls do not.
 */
export function reloadKeys(load: () => OwnKeys | Promise<OwnKeys>, options: ReloadOptions = {}): KeySource {
  const { everyMs = 60_000, clock = systemClock, logger = silentLogger, onChange } = options;
  let present: OwnKeys | undefined;
  let readAt = 0;
  let flight: Promise<OwnKeys> | undefined;

  const read = async (): Promise<OwnKeys> => {
    const keys = await load();
    const before = present;
    // The same certificates: the same objects go on, with what is remembered about them.
    if (before !== undefined && named(before) === named(keys)) return before;
    present = keys;
    if (before === undefined) return keys;
    logger.info("own certificates have changed", { now: named(keys), before: named(before) });
    try {
      onChange?.(keys, before);
    } catch {
      // A listener's fault must not keep the new keys away.
    }
    return keys;
  };
  const start = (): Promise<OwnKeys> => {
    flight ??= read().finally(() => {
      readAt = clock.now();
      flight = undefined;
    });
    return flight;
  };

  return () => {
    if (present === undefined) return start();
    // Either way: a clock may have been set back since.
    if (Math.abs(clock.now() - readAt) >= everyMs)
      start().catch((reason: unknown) => {
        const { code, message } = HelsekontaktError.from(reason);
        logger.error("own keys cannot be read anew; those in use stay", { code, message });
      });
    return present;
  };
}

/** Thumbprints by role: what tells two readings apart. */
function named({ signing, decryption = [] }: OwnKeys): string {
  const print = ({ certificate }: Identity): string => certificateFacts(certificate).thumbprint;
  return [
    `signing ${signing === undefined ? "none" : print(signing)}`,
    ...decryption.map((i) => `decryption ${print(i)}`),
  ].join(", ");
}
