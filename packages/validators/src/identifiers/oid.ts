/** What an OID says about itself. */
export interface Oid {
  /** The first arcs in words: `norway-health` is 2.16.578.1.12, of NHN and the directorates. */
  readonly root: "itu-t" | "iso" | "joint" | "norway-health";
  readonly arcs: readonly string[];
  /** Number of the Volven code list that it stands for, for 2.16.578.1.12.4.1.1.nnnn. */
  readonly codeList?: string;
}

const first = ["itu-t", "iso", "joint"] as const;
const health = "2.16.578.1.12.";
const volven = /^2\.16\.578\.1\.12\.4\.1\.1\.(\d{4})$/;

/**
 * Reads an object identifier in dotted form, without `urn:oid:`.
 *
 * @returns undefined for other text: arcs have no leading zeros, the first is 0 to 2, and below 0 and 1 the second is at
 *   most 39.
 * @see ITU-T X.660; RFC 3061
 */
export function safeParseOid(text: string): Oid | undefined {
  // The form first, in one walk: a long text that is no OID costs no memory.
  if (!hasForm(text)) return undefined;
  const arcs = text.split(".");
  const top = first[Number(arcs[0])];
  const second = arcs[1] as string;
  if (top === undefined || (top !== "joint" && (second.length > 2 || Number(second) > 39))) return undefined;
  const codeList = volven.exec(text)?.[1];
  return {
    root: text.startsWith(health) ? "norway-health" : top,
    arcs,
    ...(codeList === undefined ? {} : { codeList }),
  };
}

/** Two numbers or more with a point between each two, none with a leading zero. */
function hasForm(text: string): boolean {
  let digits = 0;
  let zero = false;
  let points = 0;
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c === 46) {
      if (digits === 0) return false;
      digits = 0;
      points++;
    } else {
      if (c < 48 || c > 57 || (zero && digits === 1)) return false;
      if (digits === 0) zero = c === 48;
      digits++;
    }
  }
  return digits > 0 && points > 0;
}

/** Whether a text is an OID in dotted form. */
export function isOid(text: string): boolean {
  return safeParseOid(text) !== undefined;
}
