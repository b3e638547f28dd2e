import type { X509Certificate } from "node:crypto";
import { HelsekontaktError, silentLogger, systemClock, throwIfAborted } from "@helsekontakt/core";
import { certificateFacts } from "../keys/certificate-facts.ts";
import { certificateNames } from "../keys/certificate-names.ts";
import { readBer } from "../protection/ber-reader.ts";
import { fetchLimited } from "./fetch-limited.ts";
import { type Held, HeldAnswers } from "./held-answers.ts";
import type { OcspAnswer } from "./ocsp.ts";
import { type RevocationList, readRevocationList, serialText } from "./revocation-list.ts";
import { revocationSources } from "./sources.ts";
import type {
  RevocationChecker,
  RevocationEvent,
  RevocationMethod,
  RevocationOptions,
  RevocationStatus,
  UnknownReason,
} from "./types.ts";

/**
 * Makes a checker that asks lists and responders over HTTP, as certificates name them. Every list and answer is proved by
 * the issuer's signature before it is believed, kept until it ends, fetched by one caller for all, and renewed in the
 * background; see {@link RevocationOptions} for the limits.
 *
 * @see RFC 5280, section 6.3; RFC 6960
 */
export function createRevocation(options: RevocationOptions): RevocationChecker {
  return new Checker(options);
}

class Checker implements RevocationChecker {
  readonly mode: RevocationOptions["mode"];
  readonly #options: Required<Omit<RevocationOptions, "mode" | "onEvent">> & Pick<RevocationOptions, "onEvent">;
  readonly #lists: HeldAnswers<RevocationList>;
  readonly #answers: HeldAnswers<OcspAnswer>;
  /** When a certificate was last told of as unchecked. */
  readonly #told = new Map<string, number>();

  constructor(options: RevocationOptions) {
    this.mode = options.mode;
    this.#options = {
      methods: options.methods ?? ["crl", "ocsp"],
      fetch: options.fetch ?? ((url, request) => fetch(url, request)),
      timeoutMs: options.timeoutMs ?? 5_000,
      maxBytes: options.maxBytes ?? 32 * 1024 * 1024,
      maxAgeMs: options.maxAgeMs ?? 12 * 3_600_000,
      staleMs: options.staleMs ?? 24 * 3_600_000,
      retryMs: options.retryMs ?? 60_000,
      maxEntries: options.maxEntries ?? 1_000,
      clock: options.clock ?? systemClock,
      logger: options.logger ?? silentLogger,
      ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
    };
    this.#lists = new HeldAnswers(this.#options.clock, this.#options);
    this.#answers = new HeldAnswers(this.#options.clock, this.#options);
  }

  async check(path: readonly X509Certificate[], options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    throwIfAborted(options.signal);
    if (this.mode === "off") return;
    const found = await Promise.all(
      path.slice(0, -1).map(async (certificate, i) => ({
        certificate,
        result: await this.status(certificate, path[i + 1] as X509Certificate, options),
      })),
    );
    // What is revoked decides, whatever is unknown beside it.
    for (const { certificate, result } of found)
      if (result.status === "revoked") throw this.#revoked(certificate, result.method);
    for (const { certificate, result } of found)
      if (result.status === "unknown") this.#unknown(certificate, result.reason);
  }

  async status(
    certificate: X509Certificate,
    issuer: X509Certificate,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<RevocationStatus> {
    const sources = revocationSources(certificate);
    let reason: UnknownReason = "no-source";
    for (const method of this.#options.methods) {
      for (const url of sources[method]) {
        const held = await (method === "crl"
          ? this.#askList(url, certificate, issuer, signal)
          : this.#askResponder(url, certificate, issuer, signal));
        if ("error" in held) reason = "unavailable";
        else if (held.answer === undefined) reason = reason === "unavailable" ? reason : "not-covered";
        else return { status: held.answer, method, stale: held.stale };
      }
    }
    return { status: "unknown", reason };
  }

  async #askList(
    url: string,
    certificate: X509Certificate,
    issuer: X509Certificate,
    signal: AbortSignal | undefined,
  ): Promise<Verdict> {
    const held = await this.#lists.get(
      `${url} ${issuer.fingerprint256}`,
      () =>
        this.#load("crl", url, undefined, (bytes) =>
          readRevocationList(bytes, issuer, { url, now: this.#options.clock.now() }),
        ),
      signal,
    );
    return verdict(held, ({ scope, revoked }) => {
      const covered = scope === "all" || (scope === "authorities") === certificateFacts(certificate).authority;
      if (!covered) return undefined;
      return revoked.has(serialText(readBer(certificateNames(certificate).serialNumber).value)) ? "revoked" : "good";
    });
  }

  async #askResponder(
    url: string,
    certificate: X509Certificate,
    issuer: X509Certificate,
    signal: AbortSignal | undefined,
  ): Promise<Verdict> {
    // Its structures are of use to nobody who asks lists.
    const { ocspRequest, readOcspAnswer } = await import("./ocsp.ts");
    const held = await this.#answers.get(
      `${url} ${issuer.fingerprint256} ${certificate.fingerprint256}`,
      () =>
        this.#load("ocsp", url, ocspRequest(certificate, issuer), (bytes) =>
          readOcspAnswer(bytes, certificate, issuer, this.#options.clock.now()),
        ),
      signal,
    );
    return verdict(held, ({ status }) => (status === "unknown" ? undefined : status));
  }

  async #load<T>(
    method: RevocationMethod,
    url: string,
    body: Uint8Array<ArrayBuffer> | undefined,
    read: (bytes: Buffer) => Promise<T>,
  ): Promise<T> {
    const { fetch, logger } = this.#options;
    try {
      return await read(await fetchLimited(fetch, url, body, this.#options));
    } catch (error) {
      const reason = HelsekontaktError.from(error).message;
      logger.warn("revocation cannot be looked up", { method, url, reason });
      this.#emit({ kind: "source-failed", method, url, reason });
      throw error;
    }
  }

  #revoked(certificate: X509Certificate, method: RevocationMethod): HelsekontaktError {
    const { serialNumber, issuer } = certificateFacts(certificate);
    this.#options.logger.error("a certificate is revoked", { serialNumber, issuer, method });
    this.#emit({ kind: "revoked", serialNumber, issuer, method });
    return new HelsekontaktError("protection/certificate-invalid", "expected a certificate that is not revoked", {
      context: { reason: "revoked", serialNumber, method },
    });
  }

  /** Refused or passed, by the mode. */
  #unknown(certificate: X509Certificate, reason: UnknownReason): void {
    const { serialNumber, issuer, thumbprint256 } = certificateFacts(certificate);
    if (this.mode === "require") {
      const offline = reason === "unavailable";
      throw new HelsekontaktError(
        "protection/certificate-invalid",
        `expected to learn whether a certificate is revoked, found ${reason}`,
        {
          retryable: offline,
          context: { reason: offline ? "revocation-offline" : "revocation-unknown", serialNumber },
          hint: "open the way to the authority's lists and responders, or set revocation to prefer",
        },
      );
    }
    const now = this.#options.clock.now();
    if (now - (this.#told.get(thumbprint256) ?? Number.NEGATIVE_INFINITY) < this.#options.retryMs) return;
    this.#told.delete(thumbprint256);
    this.#told.set(thumbprint256, now);
    const [first] = this.#told.keys();
    if (this.#told.size > this.#options.maxEntries && first !== undefined) this.#told.delete(first);
    this.#options.logger.warn("a certificate passes without knowing whether it is revoked", {
      serialNumber,
      issuer,
      reason,
    });
    this.#emit({ kind: "unchecked", serialNumber, issuer, reason });
  }

  #emit(event: RevocationEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch {
      // A listener's fault must not touch the message.
    }
  }
}

/** Nothing in place of an answer: the source does not speak of this certificate. */
type Verdict = Held<"good" | "revoked" | undefined>;

function verdict<T>(held: Held<T>, judge: (answer: T) => "good" | "revoked" | undefined): Verdict {
  return "error" in held ? held : { answer: judge(held.answer), stale: held.stale };
}
