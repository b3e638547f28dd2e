import {
  type Clock,
  HelsekontaktError,
  type Logger,
  type Metric,
  silentLogger,
  systemClock,
  type Telemetry,
} from "@helsekontakt/core";
import { type CertificateEntry, type CertificateLine, certificateReport } from "./certificate-report.ts";

const daysLeft: Metric = {
  name: "helsekontakt.certificates.days_left",
  unit: "d",
  description: "Days until the first certificate of a role ends, own and partners'.",
};

/** What {@link watchCertificates} takes. */
export interface CertificateWatchOptions {
  /** Own and partners' certificates as they are now; asked at every look. */
  readonly entries: () => readonly CertificateEntry[] | Promise<readonly CertificateEntry[]>;
  /** Told when a certificate reaches 60, 30 or 7 days before its end, or the end: once for each. What it throws is ignored. */
  readonly onWarning: (line: CertificateLine) => void;
  /** Milliseconds between two looks. Default 1 hour. */
  readonly everyMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Gets the days left of the certificate that ends first, by role, as a gauge. */
  readonly telemetry?: Telemetry;
}

/** A watch over certificates. */
export interface CertificateWatch {
  /**
   * Looks at once.
   *
   * @throws what `entries` rejects with.
   */
  look(): Promise<readonly CertificateLine[]>;
  /** Ends the watch. */
  stop(): void;
}

/**
 * Watches own and partners' certificates and tells of those that will end, so that none is found out by its failing. A
 * certificate that is replaced is a new one, and silent until its own time comes.
 */
export function watchCertificates(options: CertificateWatchOptions): CertificateWatch {
  const { clock = systemClock, logger = silentLogger, everyMs = 3_600_000 } = options;
  const told = new Map<string, CertificateLine["reached"]>();
  const ended = new AbortController();
  let lines: readonly CertificateLine[] = [];

  const look = async (): Promise<readonly CertificateLine[]> => {
    lines = certificateReport(await options.entries(), clock.now());
    const present = new Set(lines.map(keyOf));
    for (const key of told.keys()) if (!present.has(key)) told.delete(key);
    for (const line of lines) {
      const key = keyOf(line);
      if (line.reached === undefined || told.get(key) === line.reached) continue;
      told.set(key, line.reached);
      tell(line);
    }
    return lines;
  };
  const tell = (line: CertificateLine): void => {
    const { role, source, herId, owner, serialNumber, daysLeft } = line;
    const fields = { role, source, herId, owner, serialNumber, daysLeft };
    if (line.level === "red") logger.error("a certificate is about to end, or has ended", fields);
    else logger.warn("a certificate will end", fields);
    try {
      options.onWarning(line);
    } catch {
      // A listener's fault must not end the watch.
    }
  };
  const run = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      try {
        await look();
      } catch (reason) {
        logger.warn("certificates cannot be looked at, trying again", { code: HelsekontaktError.from(reason).code });
      }
      await clock.sleep(everyMs, ended.signal).catch(() => {});
    }
  };
  const unobserve = options.telemetry?.observe(daysLeft, () => {
    // The first of a role ends first; of several with the same attributes only one counts.
    const nearest = new Map<string, number>();
    for (const line of lines) if (!nearest.has(line.role)) nearest.set(line.role, line.daysLeft);
    return [...nearest].map(([role, days]) => [days, { "helsekontakt.certificate.role": role }] as const);
  });
  void run();
  return {
    look,
    stop() {
      ended.abort();
      unobserve?.();
    },
  };
}

function keyOf({ role, source, thumbprint }: CertificateLine): string {
  return `${role} ${source} ${thumbprint}`;
}
