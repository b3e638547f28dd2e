/** @internal A message or correlation id as text: strings as they are, uuid in its usual form, ulong in decimal, other binary in hex. */
export function idText(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) {
    const hex = Buffer.from(value).toString("hex");
    return value.length === 16 ? hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5") : hex;
  }
  return undefined;
}

/** @internal Text of a header field that is to be a string or symbol; empty counts as absent. */
export function fieldText(value: unknown): string | undefined {
  if (typeof value === "string") return value.trim() === "" ? undefined : value;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") return String(value);
  return undefined;
}

/** @internal A GUID from text or an AMQP uuid, in lower case. */
export function guidText(value: unknown): string | undefined {
  const text = idText(value)?.trim().toLowerCase();
  return text !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : undefined;
}

/** @internal A HER-id from text or integer: positive, decimal, without leading zeros or blanks. */
export function herIdText(value: unknown): string | undefined {
  const text = (
    typeof value === "string" ? value : typeof value === "number" || typeof value === "bigint" ? String(value) : ""
  ).trim();
  const digits = /^\+?0*([1-9]\d{0,9})$/.exec(text)?.[1];
  return digits !== undefined && Number(digits) <= 2_147_483_647 ? digits : undefined;
}

/**
 * @internal A point in time from text with Z, with an offset, with fractions, without zone (read as UTC), from .NET's
 * invariant form `MM/dd/yyyy HH:mm:ss`, or from an AMQP timestamp.
 */
export function instant(value: unknown): Date | undefined {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value;
  if (typeof value !== "string") return undefined;
  const text = value.trim();
  const american = /^(\d{1,2})\/(\d{1,2})\/(\d{4}) (\d{1,2}):(\d{2}):(\d{2})$/.exec(text);
  if (american) return utc(american[3], american[1], american[2], american[4], american[5], american[6]);
  const iso = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*(Z|z|[+-]\d{2}:?\d{2})?$/.exec(
    text,
  );
  if (!iso) return undefined;
  const base = utc(iso[1], iso[2], iso[3], iso[4], iso[5], iso[6] ?? "0");
  if (base === undefined) return undefined;
  const fraction = Math.floor(Number(`0.${iso[7] ?? "0"}`) * 1000);
  return new Date(base.getTime() + fraction - offsetMs(iso[8]));
}

function utc(year = "", month = "", day = "", hour = "", minute = "", second = ""): Date | undefined {
  const date = new Date(
    Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)),
  );
  const same =
    date.getUTCMonth() === Number(month) - 1 &&
    date.getUTCDate() === Number(day) &&
    date.getUTCHours() === Number(hour);
  return same && date.getUTCMinutes() === Number(minute) ? date : undefined;
}

function offsetMs(zone: string | undefined): number {
  const parts = /^([+-])(\d{2}):?(\d{2})$/.exec(zone ?? "");
  if (!parts) return 0;
  return (parts[1] === "-" ? -1 : 1) * (Number(parts[2]) * 60 + Number(parts[3])) * 60_000;
}

/** @internal `yyyy-MM-ddTHH:mm:ssZ`, whole seconds. */
export function isoInstant(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** @internal `MM/dd/yyyy HH:mm:ss`, UTC: the form of the .NET library's receiverTimeStamp. */
export function invariantInstant(ms: number): string {
  const [year, month, day] = new Date(ms).toISOString().slice(0, 10).split("-");
  return `${month}/${day}/${year} ${new Date(ms).toISOString().slice(11, 19)}`;
}
