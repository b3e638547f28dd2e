import type { CertificateLine } from "@helsekontakt/amqp-messaging/protection";
import type { Clock } from "@helsekontakt/core";
import type { TokenSource } from "@helsekontakt/helseid";
import type { Journal } from "@helsekontakt/journal";
import type { HelsekontaktConfig } from "../config.ts";
import type { EnvironmentPreset } from "../environments.ts";

/** One thing that a check found. Texts name addresses, ids and dates; never a person, a token, a key or a password. */
export interface Finding {
  readonly level: "ok" | "warning" | "fault";
  readonly text: string;
  /** What to do next. */
  readonly hint?: string;
  /** Code of the error behind it. */
  readonly code?: string;
  /** The certificate that it is about: role, source, owner, serial number, days left. */
  readonly certificate?: CertificateLine;
}

/** How one check ended. */
export interface CheckResult {
  /** `subject` or `subject.target`: `dns.helseid`, `token.cppa`. */
  readonly id: string;
  readonly title: string;
  readonly outcome: "ok" | "warning" | "fault" | "skipped";
  /** Why it was skipped: what it needs and did not get. */
  readonly because?: string;
  readonly findings: readonly Finding[];
  readonly milliseconds: number;
}

/** The result of {@link diagnose}. */
export interface Diagnosis {
  /** True when no check found a fault; warnings and skipped checks do not count. */
  readonly ok: boolean;
  readonly environment: string;
  readonly checks: readonly CheckResult[];
  readonly counts: Readonly<Record<CheckResult["outcome"], number>>;
}

/** How to run {@link diagnose}. */
export interface DiagnoseOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds for one check. Default 15,000. */
  readonly timeoutMs?: number;
  /** Ids, or their first parts: `["token", "registry.own"]`. What these need runs as well. Default: all. */
  readonly only?: readonly string[];
  /** PEM certificates of authorities to trust beside the system's, for the check of TLS chains. */
  readonly ca?: readonly string[];
  /** Opens the journal when the configuration has none; it is closed again. */
  readonly openJournal?: (signal: AbortSignal) => Promise<Journal>;
  /** Told each result as soon as it is there. */
  readonly onResult?: (result: CheckResult) => void;
}

/** @internal An address that is reached over the network. */
export interface Endpoint {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** @internal What checks share. */
export interface CheckContext {
  readonly config: HelsekontaktConfig;
  readonly preset: EnvironmentPreset;
  readonly clock: Clock;
  readonly options: DiagnoseOptions;
  /** One source for all checks, so that one token serves those that need it. */
  readonly tokens: () => TokenSource;
}

/** @internal One check. */
export interface Check {
  readonly id: string;
  readonly title: string;
  /** Ids that must not have failed. */
  readonly needs?: readonly string[];
  /** Why it cannot run with this configuration at all. */
  readonly missing?: string;
  run(context: CheckContext, signal: AbortSignal): Promise<readonly Finding[]>;
}

/** @internal */
export const ok = (text: string): Finding => ({ level: "ok", text });
/** @internal */
export const warning = (text: string, hint: string): Finding => ({ level: "warning", text, hint });
/** @internal */
export const fault = (text: string, hint: string, code?: string): Finding => ({
  level: "fault",
  text,
  hint,
  ...(code === undefined ? {} : { code }),
});
