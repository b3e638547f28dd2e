const longest = 200;

/**
 * @internal Text of another party as it may be shown, logged or audited: without line breaks and other control characters,
 * without anything that looks like a national number, and not longer than a header is.
 */
export function shown(text: string): string {
  const plain = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\u{FFFD}");
  const short = plain.length > longest ? `${plain.slice(0, longest)}…` : plain;
  // Ids in hex may hold eleven digits in a row.
  if (/^\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$/i.test(short)) return short;
  return short.replaceAll(/(?<!\d)\d{6}[ .-]?\d{5}(?!\d)/g, "[11 digits]");
}
