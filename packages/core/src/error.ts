import type { ErrorCode } from "./error-codes.ts";
import { retryableCodes } from "./retryable-codes.ts";

/** Facts that may be logged: ids, counts, names of settings; never a person's data, content, tokens or keys. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface HelsekontaktErrorOptions {
  /** What to do next, one sentence. */
  readonly hint?: string;
  /** The other party's own code, verbatim (OAuth error, AMQP condition, `EHSEC-…`, AppRec code). */
  readonly remoteCode?: string;
  /** Overrides the code's default. */
  readonly retryable?: boolean;
  readonly context?: ErrorContext;
  /** The foreign error behind this one. It may quote personal data, so it never prints; see {@link HelsekontaktError.original}. */
  readonly original?: unknown;
}

/** `inspect.custom` by its registered name: an import of `node:util` would take longer than all of this package. */
const custom: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;
const brand: unique symbol = Symbol.for("helsekontakt.error") as never;

/**
 * The one error class of the SDK.
 *
 * `message` reads `[code] what was expected, what was found`, lower case and without a full stop. Neither
 * `JSON.stringify` nor `util.inspect` shows anything but code, message, hint, remote code and context.
 */
export class HelsekontaktError extends Error {
  override readonly name = "HelsekontaktError";
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly hint: string | undefined;
  readonly remoteCode: string | undefined;
  readonly context: ErrorContext;
  readonly #original: unknown;

  constructor(code: ErrorCode, message: string, options: HelsekontaktErrorOptions = {}) {
    super(`[${code}] ${message}`);
    this.code = code;
    this.retryable = options.retryable ?? retryableCodes.has(code);
    this.hint = options.hint;
    this.remoteCode = options.remoteCode;
    this.context = options.context ?? {};
    this.#original = options.original;
    Object.defineProperty(this, brand, { value: brandNames(new.target) });
  }

  /**
   * True for errors of any installed copy of the SDK, so that two copies still recognise each other's errors. A subclass
   * is told apart by its name on the brand.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (typeof value !== "object" || value === null) return false;
    const names: unknown = (value as Record<symbol, unknown>)[brand];
    return Array.isArray(names) && names.includes(this.brandName);
  }

  /** @internal The name under which instances of this class are known. */
  static readonly brandName: string = "HelsekontaktError";

  /** Passes errors of ours through; wraps everything else as `code`, keeping the original behind {@link original}. */
  static from(
    reason: unknown,
    code: ErrorCode = "internal/unknown",
    message = "an unexpected fault",
  ): HelsekontaktError {
    if (reason instanceof HelsekontaktError) return reason as HelsekontaktError;
    if (isAbort(reason))
      return new HelsekontaktError("abort/cancelled", "the call was cancelled", { original: reason });
    return new HelsekontaktError(code, message, { original: reason });
  }

  /** The foreign error behind this one, for debugging under the caller's own eyes only: it may hold personal data. */
  original(): unknown {
    return this.#original;
  }

  toJSON(): Record<string, unknown> {
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.remoteCode === undefined ? {} : { remoteCode: this.remoteCode }),
      context: this.context,
    };
  }

  [custom](): string {
    const hint = this.hint === undefined ? "" : `\n  ${this.hint}`;
    return `${this.stack ?? this.message}${hint}`;
  }
}

function isAbort(reason: unknown): boolean {
  return typeof reason === "object" && reason !== null && (reason as { name?: unknown }).name === "AbortError";
}

/** The brand names of a class and of the classes above it. */
function brandNames(from: typeof HelsekontaktError): readonly string[] {
  const names: string[] = [];
  for (let c: unknown = from; typeof c === "function"; c = Object.getPrototypeOf(c)) {
    if (Object.hasOwn(c, "brandName")) names.push((c as typeof HelsekontaktError).brandName);
  }
  return names;
}
