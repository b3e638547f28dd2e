import type { X509Certificate } from "node:crypto";
import type { Clock, Logger } from "@helsekontakt/core";

/**
 * How much the revocation of a certificate counts.
 *
 * - `require`: what cannot be found out is refused; while the source is away, the message waits.
 * - `prefer`: what cannot be found out passes, with an alarm.
 * - `off`: nobody is asked.
 *
 * A certificate that is known to be revoked is refused in the first two.
 */
export type RevocationMode = "require" | "prefer" | "off";

/** Where the answer came from: a revocation list, or an OCSP responder. */
export type RevocationMethod = "crl" | "ocsp";

/** What lists and answers are fetched with. The `fetch` of the runtime fits. */
export type RevocationFetch = (
  url: string,
  request: {
    readonly method: "GET" | "POST";
    readonly headers: Record<string, string>;
    readonly body?: Uint8Array<ArrayBuffer>;
    readonly signal: AbortSignal;
  },
) => Promise<Response>;

/** What {@link createRevocation} takes. */
export interface RevocationOptions {
  readonly mode: RevocationMode;
  /** Which kinds of source are asked, in this order, until one answers. Default: `crl`, `ocsp`. */
  readonly methods?: readonly RevocationMethod[];
  /** Default: the runtime's. */
  readonly fetch?: RevocationFetch;
  /** Milliseconds for one fetch. Default 5,000. */
  readonly timeoutMs?: number;
  /** Largest list or answer in bytes. Default 32 MiB. */
  readonly maxBytes?: number;
  /** An answer older than this is fetched anew, while it goes on being used. Milliseconds, default 12 hours. */
  readonly maxAgeMs?: number;
  /** An answer is used this long after its own end, while no newer one can be had. Milliseconds, default 24 hours. */
  readonly staleMs?: number;
  /** A source that failed is left alone this long. Milliseconds, default 60,000. */
  readonly retryMs?: number;
  /** Lists and answers kept; the oldest goes first. Default 1,000. */
  readonly maxEntries?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Told what an operator has to know. What it throws is ignored. */
  readonly onEvent?: (event: RevocationEvent) => void;
}

/** What an operator has to know. Addresses, serial numbers and reasons only. */
export type RevocationEvent =
  /** A source did not answer, or with nothing that can be used. */
  | { readonly kind: "source-failed"; readonly method: RevocationMethod; readonly url: string; readonly reason: string }
  /** A certificate passes unchecked (`prefer`); told once in `retryMs` for each certificate. */
  | {
      readonly kind: "unchecked";
      readonly serialNumber: string;
      readonly issuer: string;
      readonly reason: UnknownReason;
    }
  | {
      readonly kind: "revoked";
      readonly serialNumber: string;
      readonly issuer: string;
      readonly method: RevocationMethod;
    };

/** Why nothing is known: the certificate names no source; none answers; none knows the certificate. */
export type UnknownReason = "no-source" | "unavailable" | "not-covered";

/** What is known of one certificate. */
export type RevocationStatus =
  | { readonly status: "good" | "revoked"; readonly method: RevocationMethod; readonly stale: boolean }
  | { readonly status: "unknown"; readonly reason: UnknownReason };

/** Asks whether certificates are revoked, and remembers the answers. Share one for all that needs it. */
export interface RevocationChecker {
  readonly mode: RevocationMode;
  /**
   * Checks every certificate of a path but the anchor, by the mode.
   *
   * @param path - as `verifyTrust` gives it: the certificate first, the anchor last.
   * @throws {HelsekontaktError} `protection/certificate-invalid` with `context.reason` `revoked`, or in mode `require`
   *   `revocation-unknown` or, retryable, `revocation-offline`; `abort/cancelled`.
   */
  check(path: readonly X509Certificate[], options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * What is known of one certificate, whatever the mode, for people to see.
   *
   * @throws {HelsekontaktError} `abort/cancelled`
   */
  status(
    certificate: X509Certificate,
    issuer: X509Certificate,
    options?: { readonly signal?: AbortSignal },
  ): Promise<RevocationStatus>;
}
