import { HelsekontaktError } from "@helsekontakt/core";
import { type Finding, fault } from "./types.ts";

/** An error as a finding. What another library says stays unsaid: it may quote what it stumbled over. */
export function faultFinding(reason: unknown, expected: string, hint: string): Finding {
  if (!(reason instanceof HelsekontaktError)) {
    const cause = (reason as { readonly cause?: { readonly code?: unknown } }).cause?.code;
    const code = (reason as { readonly code?: unknown }).code;
    const shown = [cause, code].find((c) => typeof c === "string" && /^[A-Z][A-Z0-9_]+$/.test(c));
    return fault(shown === undefined ? expected : `${expected} (${String(shown)})`, hint);
  }
  const error = reason as HelsekontaktError;
  const text = error.message.replace(/^\[[^\]]*\] /, "");
  const remote = error.remoteCode === undefined ? "" : ` (${error.remoteCode})`;
  return fault(`${text}${remote}`, error.hint ?? hint, error.code);
}
