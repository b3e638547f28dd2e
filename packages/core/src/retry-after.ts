/**
 * Milliseconds that a `Retry-After` header asks for: seconds or a date; 0 without one that can be read.
 *
 * @param now - milliseconds since 1970-01-01 UTC.
 * @see RFC 9110, section 10.2.3
 */
export function retryAfterMs(header: string | null, now: number): number {
  if (header === null) return 0;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
