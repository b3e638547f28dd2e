import { dayNumber } from "./dates.ts";

interface Duration {
  readonly months: bigint;
  /** Days and smaller parts, in whole seconds and the digits behind the point. */
  readonly seconds: bigint;
  readonly fraction: string;
  readonly sign: bigint;
}

const shape = /^(-?)P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?)?$/;

/** Months since year 0 at which a duration is laid on: between them a month is as long and as short as it can be. */
const references = [1696n * 12n + 8n, 1697n * 12n + 1n, 1903n * 12n + 2n, 1903n * 12n + 6n];

/**
 * Order of two durations; not a number where it depends on the month in which they begin, as for a month and 30 days.
 *
 * @see XML Schema 1.0 part 2, section 3.2.6.2
 */
export function compareDurations(a: string, b: string): number {
  const [x, y] = [parse(a), parse(b)];
  if (x === undefined || y === undefined) return Number.NaN;
  const digits = Math.max(x.fraction.length, y.fraction.length);
  const unit = 10n ** BigInt(digits);
  const [p, q] = [x, y].map((d) => d.sign * (d.seconds * unit + BigInt(d.fraction.padEnd(digits, "0") || "0")));
  const difference = (p as bigint) - (q as bigint);
  if (x.months === y.months) return Number(difference > 0n) - Number(difference < 0n);
  const orders = references.map((start) => {
    const at = (firstDay(start + x.months) - firstDay(start + y.months)) * 86400n * unit + difference;
    return Number(at > 0n) - Number(at < 0n);
  });
  return orders.every((o) => o === orders[0]) ? (orders[0] as number) : Number.NaN;
}

/** A text that equal durations share: those of as many months and as many seconds. */
export function durationKey(text: string): string | undefined {
  const d = parse(text);
  if (d === undefined) return undefined;
  const fraction = d.fraction.replace(/(?<!0)0+$/, "");
  // The sign stands apart, for a duration of less than a second.
  const sign = d.sign < 0n && (d.months !== 0n || d.seconds !== 0n || fraction !== "") ? "-" : "";
  return `${sign}${d.sign * d.months} ${d.seconds}.${fraction}`;
}

function parse(text: string): Duration | undefined {
  const match = shape.exec(text);
  if (match === null) return undefined;
  const [years, months, days, hours, minutes, seconds] = match.slice(2, 8).map((part) => BigInt(part ?? "0")) as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  const sign = match[1] === "-" ? -1n : 1n;
  return {
    sign,
    months: sign * (years * 12n + months),
    seconds: ((days * 24n + hours) * 60n + minutes) * 60n + seconds,
    fraction: match[8] ?? "",
  };
}

function firstDay(months: bigint): bigint {
  const month = ((months % 12n) + 12n) % 12n;
  return dayNumber((months - month) / 12n, Number(month) + 1, 1);
}
