import { type ErrorCode, HelsekontaktError, type Issue } from "@helsekontakt/core";

/** An error in the parts that commands print. */
export interface Fault {
  readonly code: ErrorCode;
  /** Without the code in front. */
  readonly message: string;
  readonly hint?: string;
  /** Where in the document, as far as it is known. */
  readonly path?: string;
  readonly line?: number;
}

/** Takes an error apart. A foreign error gives its code alone: its text may quote what it stumbled over. */
export function faultOf(reason: unknown): Fault {
  const error = HelsekontaktError.from(reason);
  const { path, line } = error.context;
  const foreign = (reason as { code?: unknown }).code;
  const detail = error.code === "internal/unknown" && typeof foreign === "string" ? ` (${foreign})` : "";
  return {
    code: error.code,
    message: `${error.message.replace(/^\[[^\]]*\] /, "")}${detail}`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(typeof path === "string" ? { path } : {}),
    ...(typeof line === "number" ? { line } : {}),
  };
}

/** One readable line with code and place, and the hint on a second one; the first issues where the error lists any. */
export function describeFault(reason: unknown): string {
  const { code, message, hint, path, line } = faultOf(reason);
  const place = [path, line === undefined ? undefined : `line ${line}`].filter(
    // Some messages tell the place themselves.
    (p) => p !== undefined && p !== "" && !message.includes(p),
  );
  // The brand of all our errors makes `instanceof` say yes for the subclass too, so the member decides.
  const issues = ((reason as { issues?: readonly Issue[] }).issues ?? []).slice(0, 5);
  return [
    `[${code}] ${message}${place.length === 0 ? "" : ` (${place.join(", ")})`}`,
    ...issues.map((i) => `  ${i.level} ${i.rule} at ${i.path}: ${i.message}`),
    ...(hint === undefined ? [] : [`  ${hint}`]),
  ].join("\n");
}
