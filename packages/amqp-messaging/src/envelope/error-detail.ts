import type { EnvelopeField } from "./envelope.ts";

/** What an error report says of the fault, as an object. */
export type ErrorDetail =
  | { readonly kind: "none" }
  | { readonly kind: "fields"; readonly fields: readonly string[] }
  /** Subject and thumbprint of a certificate, or the thumbprints that were expected and found. */
  | {
      readonly kind: "certificate";
      readonly subject?: string;
      readonly thumbprint?: string;
      readonly expected?: string;
    }
  /** HER-ids of the message properties, and of the payload. */
  | { readonly kind: "her-ids"; readonly amqp: readonly string[]; readonly application: readonly string[] }
  | { readonly kind: "sender"; readonly herId: string }
  | { readonly kind: "mismatch"; readonly expected: string; readonly received: string }
  | { readonly kind: "other"; readonly items: readonly string[] };

const fieldNames: readonly string[] = [
  "toHerId",
  "fromHerId",
  "Label",
  "applicationTimeStamp",
  "ContentType",
  "replyTo",
] satisfies readonly (EnvelopeField | "replyTo")[];

/**
 * Reads the data of a report in the forms that are in use: the official library's items, and the profile's JSON.
 *
 * @param items - as `ErrorReport.data` has them.
 * @see HITS 1216:2018, section 2.1.3.1
 */
export function errorDetail(condition: string, items: readonly string[]): ErrorDetail {
  const [first, second] = items;
  if (first === undefined) return { kind: "none" };
  if (items.length === 1 && /^[{[]/.test(first)) return fromJson(first) ?? { kind: "other", items };
  const at = items.findIndex((item) => item.startsWith("Thumbprint:"));
  if (first.startsWith("Subject:") || at >= 0) {
    // The library does not escape the semicolons of a subject.
    const subject = textAfter(items.slice(0, at < 0 ? items.length : at).join(";"));
    const thumbprint = textAfter(items[at] ?? "");
    return {
      kind: "certificate",
      ...(subject === "" ? {} : { subject }),
      ...(thumbprint === "" ? {} : { thumbprint: thumbprint.toLowerCase() }),
    };
  }
  if (first === "FromHerId" && second !== undefined) return { kind: "sender", herId: second };
  if (condition === "abuse:spoofing-attack") return { kind: "her-ids", amqp: [first], application: items.slice(1) };
  if (items.every((item) => fieldNames.includes(item)) || condition === "transport:required-field-missing")
    return { kind: "fields", fields: items };
  if (condition === "transport:invalid-field-value" && second !== undefined && items.length === 2)
    return { kind: "mismatch", expected: first, received: second };
  return { kind: "other", items };
}

function fromJson(text: string): ErrorDetail | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (Array.isArray(value)) return isTexts(value) ? { kind: "fields", fields: value } : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  const { thumbprint, amqp, application } = value as Readonly<Record<string, unknown>>;
  if (isTexts(amqp) && isTexts(application)) return { kind: "her-ids", amqp, application };
  if (typeof thumbprint === "string") return { kind: "certificate", thumbprint: thumbprint.toLowerCase() };
  if (typeof thumbprint !== "object" || thumbprint === null) return undefined;
  const { expected, actual } = thumbprint as Readonly<Record<string, unknown>>;
  return {
    kind: "certificate",
    ...(typeof actual === "string" ? { thumbprint: actual.toLowerCase() } : {}),
    ...(typeof expected === "string" ? { expected: expected.toLowerCase() } : {}),
  };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** What follows the name and its colon. */
function textAfter(item: string): string {
  return item.slice(item.indexOf(":") + 1).trim();
}
