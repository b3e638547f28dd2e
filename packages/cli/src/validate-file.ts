import { HelsekontaktError, type Issue, type ValidationResult } from "@helsekontakt/core";
import { fhirFromXml, fhirNamespace, parseFhirJson } from "@helsekontakt/types/fhir";
import { parseXml } from "@helsekontakt/types/xml";
import { rules, types, validateFhir, validateMessage, validateXml } from "@helsekontakt/validators";
import type { FhirValidator } from "@helsekontakt/validators/fhir-runtime";
import { contentFault, issueOf, type OpenChunks } from "./bundle-form.ts";
import { jsonBundle } from "./bundle-json.ts";
import { xmlBundle } from "./bundle-xml.ts";
import { fhirXmlLines, jsonLines } from "./fhir-lines.ts";
import { checkLevels, formOf, rootOf } from "./files.ts";
import { validateBundleStream } from "./validate-bundle.ts";
import { type LineProgress, LineSplitter, LineVerdicts, validateStream } from "./validate-lines.ts";

/** What kind of document a file was taken for; `unknown` when it could not be read so far. */
export type FileKind = "MsgHead" | "AppRec" | "xml" | "fhir-xml" | "fhir-json" | "fhir-ndjson" | "unknown";

/** An issue as it is printed: every member always there. */
export interface PrintedIssue {
  readonly level: "error" | "warning";
  readonly rule: string;
  readonly path: string;
  readonly line: number | null;
  readonly message: string;
}

/** The verdict on one file. */
export interface FileVerdict {
  readonly file: string;
  readonly kind: FileKind;
  /** False exactly when an issue has level `error`. */
  readonly valid: boolean;
  readonly issues: readonly PrintedIssue[];
}

/** How FHIR is judged. */
export interface FhirOptions {
  /** Canonical address of a profile that a resource must satisfy besides those it declares. */
  readonly profile?: string | undefined;
  /** Profiles of one's own in place of those of this build. */
  readonly profiles?: (Pick<FhirValidator, "validate"> & Partial<Pick<FhirValidator, "byEntries">>) | undefined;
}

const foreign: ReadonlySet<string> = new Set([fhirNamespace]);

/**
 * Validates the bytes of one file. Bytes that cannot be read as what they are meant to be give an issue whose rule is the
 * error's code.
 *
 * @throws {HelsekontaktError} `input/invalid` when the profile is not in the build, or the file is not FHIR and a profile or
 *   profiles are given.
 */
export function validateFile(file: string, bytes: Uint8Array, options: FhirOptions = {}): FileVerdict {
  const form = formOf(file, bytes);
  if (form === "ndjson") return verdict(file, "fhir-ndjson", validateLines(bytes, options));
  if (form === "json") return verdict(file, "fhir-json", validateJson(bytes, options));
  const root = rootOf(bytes);
  if (root?.ns === fhirNamespace) return verdict(file, "fhir-xml", validateFhirXml(bytes, options));
  if ((options.profile !== undefined || options.profiles !== undefined) && root !== undefined) {
    const option = options.profile === undefined ? "--profiles" : "--profile";
    throw new HelsekontaktError("input/invalid", `expected FHIR for ${option}, found another kind of document`, {
      hint: `validate messages without ${option}; FHIR inside them is checked by its own profile`,
    });
  }
  if (root?.name === "MsgHead" || root?.name === "AppRec") return verdict(file, root.name, messageIssues(bytes));
  return verdict(
    file,
    root === undefined ? "unknown" : "xml",
    validateXml(bytes, { registry: rules, types, foreign }).issues,
  );
}

/**
 * Validates a stream of lines of JSON, of any length, in constant memory.
 *
 * @param options.onProgress - called after each chunk with what has been read so far.
 * @throws {HelsekontaktError} `input/invalid` when the profile is not in this build.
 */
export async function validateLineStream(
  file: string,
  chunks: AsyncIterable<Uint8Array>,
  options: FhirOptions & { readonly onProgress?: (progress: LineProgress) => void } = {},
): Promise<FileVerdict> {
  const issues = await validateStream(chunks, (text) => validateText(text, options), options.onProgress);
  return verdict(file, "fhir-ndjson", issues);
}

/**
 * Validates a FHIR Bundle of any size, entry by entry.
 *
 * @param form - what the file holds.
 * @param open - reads the file from its beginning; it is read twice.
 * @returns undefined for a file that cannot be judged by entries, see {@link validateBundleStream}, and where the profiles
 *   are a validator that cannot do so.
 * @throws {HelsekontaktError} `input/invalid` when the profile is not in the build.
 */
export async function validateBundleFile(
  file: string,
  form: "json" | "xml",
  open: OpenChunks,
  options: FhirOptions & { readonly onProgress?: (progress: LineProgress) => void } = {},
): Promise<FileVerdict | undefined> {
  const { profile, profiles, onProgress } = options;
  // Loaded where it is needed: few files are so large.
  const validator = profiles ?? (await import("@helsekontakt/validators/fhir-runtime")).ownValidator;
  const parts = validator.byEntries?.(profile === undefined ? {} : { profile });
  if (parts === undefined) return undefined;
  const issues = await validateBundleStream(open, form === "json" ? jsonBundle : xmlBundle, parts, onProgress);
  return issues === undefined ? undefined : verdict(file, `fhir-${form}`, issues);
}

/** The verdict on a file that could not be read at all. */
export function unreadable(file: string, reason: unknown): FileVerdict {
  return verdict(file, "unknown", [issueOf(reason)]);
}

function verdict(file: string, kind: FileKind, issues: readonly Issue[]): FileVerdict {
  return {
    file,
    kind,
    valid: !issues.some((i) => i.level === "error"),
    issues: issues.map(({ level, rule, path, line, message }) => ({ level, rule, path, line: line ?? null, message })),
  };
}

function messageIssues(bytes: Uint8Array): readonly Issue[] {
  try {
    return validateMessage(bytes).issues;
  } catch (reason) {
    // Rules about the content may stumble over a message that the schema has found in pieces; what the schema says stands.
    const { valid, issues } = validateXml(bytes, { registry: rules, types, foreign });
    if (valid) throw reason;
    return issues;
  }
}

function validateFhirXml(bytes: Uint8Array, options: FhirOptions): readonly Issue[] {
  const issues: Issue[] = [];
  try {
    const resource = fhirFromXml(parseXml(bytes), { issues });
    issues.push(...judgeFhir(resource, options).issues);
  } catch (reason) {
    issues.push(contentFault(reason));
  }
  const missing = issues.filter((i) => i.line === undefined).map((i) => i.path);
  if (missing.length === 0 || issues.some((i) => i.rule.startsWith("xml/"))) return issues;
  return withLines(issues, fhirXmlLines(bytes, missing));
}

function validateJson(bytes: Uint8Array, options: FhirOptions): readonly Issue[] {
  const text = utf8(bytes);
  if (text === undefined) return [notUtf8()];
  return validateText(text, options);
}

function validateText(text: string, options: FhirOptions): readonly Issue[] {
  try {
    checkLevels(text);
    const { issues } = judgeFhir(parseFhirJson(text), options);
    return issues.length === 0
      ? issues
      : withLines(
          issues,
          jsonLines(
            text,
            issues.map((i) => i.path),
          ),
        );
  } catch (reason) {
    return [contentFault(reason, lineOfJsonError(text, reason))];
  }
}

function validateLines(bytes: Uint8Array, options: FhirOptions): readonly Issue[] {
  const verdicts = new LineVerdicts((text) => validateText(text, options));
  const lines = new LineSplitter(verdicts);
  lines.write(bytes);
  lines.end();
  return verdicts.issues();
}

function judgeFhir(resource: unknown, { profile, profiles }: FhirOptions): ValidationResult {
  const options = profile === undefined ? {} : { profile };
  return profiles ? profiles.validate(resource, options) : validateFhir(resource, options);
}

function withLines(issues: readonly Issue[], lines: ReadonlyMap<string, number>): readonly Issue[] {
  return issues.map((issue) => {
    const line = issue.line ?? lines.get(issue.path);
    return line === undefined ? issue : { ...issue, line };
  });
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function notUtf8(): Issue {
  return issueOf(new HelsekontaktError("fhir/not-readable", "expected JSON in UTF-8, found other bytes"));
}

/** The parser tells the offset in a message that may quote the text; only the number is taken from it. */
function lineOfJsonError(text: string, reason: unknown): number | undefined {
  const original = reason instanceof HelsekontaktError ? (reason as HelsekontaktError).original() : undefined;
  if (!(original instanceof SyntaxError)) return undefined;
  const offset = Number(/at position (\d+)/.exec(original.message)?.[1] ?? Number.NaN);
  if (Number.isNaN(offset)) return text.split("\n").length;
  return text.slice(0, offset).split("\n").length;
}
