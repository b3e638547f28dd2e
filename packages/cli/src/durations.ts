import { HelsekontaktError } from "@helsekontakt/core";

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A length of time as people write it, in milliseconds: `90s`, `15m`, `12h`, `30d`.
 *
 * @throws {HelsekontaktError} `input/invalid`
 */
export function duration(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, number, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (number === undefined || unit === undefined)
    throw new HelsekontaktError("input/invalid", `expected ${name} as a number with s, m, h or d`);
  return Number(number) * (units[unit] ?? 0);
}

const sizes: Readonly<Record<string, number>> = { "": 1, KB: 1_000, MB: 1_000_000, GB: 1_000_000_000 };

/**
 * A size as people write it, in bytes: `500MB`, `20GB`, or a number of bytes.
 *
 * @throws {HelsekontaktError} `input/invalid`
 */
export function byteSize(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, number, unit] = /^(\d{1,12})(KB|MB|GB|)$/.exec(text) ?? [];
  if (number === undefined || unit === undefined)
    throw new HelsekontaktError("input/invalid", `expected ${name} as a number of bytes, or one with KB, MB or GB`);
  return Number(number) * (sizes[unit] ?? 1);
}
