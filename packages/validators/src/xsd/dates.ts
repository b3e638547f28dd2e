/** The parts of a date or time value that can be ordered; missing parts have fixed stand-ins. */
interface Moment {
  readonly year: bigint;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: string;
  /** Offset from UTC in minutes; `undefined` without zone. */
  readonly zone: number | undefined;
}

const zone = "(Z|[+-]\\d{2}:\\d{2})?";
const year = "(-?(?:[1-9]\\d{4,}|\\d{4}))";
const clock = "(\\d{2}):(\\d{2}):(\\d{2}(?:\\.\\d+)?)";
const shapes: Readonly<Record<string, RegExp>> = {
  dateTime: new RegExp(`^${year}-(\\d{2})-(\\d{2})T${clock}${zone}$`),
  date: new RegExp(`^${year}-(\\d{2})-(\\d{2})${zone}$`),
  time: new RegExp(`^${clock}${zone}$`),
  gYear: new RegExp(`^${year}${zone}$`),
  gYearMonth: new RegExp(`^${year}-(\\d{2})${zone}$`),
  gMonthDay: new RegExp(`^--(\\d{2})-(\\d{2})${zone}$`),
  gMonth: new RegExp(`^--(\\d{2})${zone}$`),
  gDay: new RegExp(`^---(\\d{2})${zone}$`),
};
/** Which parts the groups of each shape are, before the zone. */
const parts: Readonly<Record<string, readonly ("y" | "m" | "d" | "H" | "M" | "S")[]>> = {
  dateTime: ["y", "m", "d", "H", "M", "S"],
  date: ["y", "m", "d"],
  time: ["H", "M", "S"],
  gYear: ["y"],
  gYearMonth: ["y", "m"],
  gMonthDay: ["m", "d"],
  gMonth: ["m"],
  gDay: ["d"],
};

/** Whether `type` is one of the built-in date and time types. */
export function isDateType(type: string): boolean {
  return Object.hasOwn(shapes, type);
}

/**
 * Reads a value of a built-in date or time type: its form, and whether such a day and hour exist.
 *
 * @returns `undefined` for a value that the type does not have.
 * @see XML Schema 1.0 part 2, sections 3.2.7 to 3.2.14
 */
export function parseMoment(type: string, text: string): Moment | undefined {
  const match = shapes[type]?.exec(text);
  if (match === null || match === undefined) return undefined;
  const names = parts[type] ?? [];
  const get = (name: "y" | "m" | "d" | "H" | "M" | "S"): string | undefined => {
    const at = names.indexOf(name);
    return at < 0 ? undefined : match[at + 1];
  };
  const y = BigInt(get("y") ?? "2000");
  const month = Number(get("m") ?? "1");
  const day = Number(get("d") ?? "1");
  const hour = Number(get("H") ?? "0");
  const minute = Number(get("M") ?? "0");
  const second = get("S") ?? "0";
  const offset = zoneMinutes(match[names.length + 1]);
  if (get("y") !== undefined && y === 0n) return undefined;
  if (month < 1 || month > 12 || day < 1 || day > daysIn(y, month)) return undefined;
  const endOfDay = hour === 24 && minute === 0 && Number(second) === 0;
  if (!endOfDay && (hour > 23 || minute > 59 || Number(second) >= 60)) return undefined;
  if (offset === null) return undefined;
  // A time of day has no day behind it in which its midnight could stand.
  return { year: y, month, day, hour: type === "time" ? hour % 24 : hour, minute, second, zone: offset };
}

/**
 * Order of two moments of one type. Where only one of them has a zone it is that which all zones give, otherwise not a
 * number.
 *
 * @see XML Schema 1.0 part 2, section 3.2.7.4
 */
export function compareMoments(a: Moment, b: Moment): number {
  if ((a.zone === undefined) === (b.zone === undefined)) return compareInZones(a, b);
  if (a.zone === undefined) return -compareMoments(b, a);
  if (compareInZones(a, { ...b, zone: 14 * 60 }) < 0) return -1;
  return compareInZones(a, { ...b, zone: -14 * 60 }) > 0 ? 1 : Number.NaN;
}

/** A text that equal moments of one type share; those with a zone equal none without. */
export function momentKey(type: string, text: string): string | undefined {
  const moment = parseMoment(type, text);
  if (moment === undefined) return undefined;
  const seconds = moment.second.replace(/^0+(?=\d)/, "").replace(/\.0*$|(\.\d*[1-9])0+$/, "$1");
  return `${minutes(moment)} ${seconds}${moment.zone === undefined ? "" : "Z"}`;
}

function compareInZones(a: Moment, b: Moment): number {
  const [x, y] = [minutes(a), minutes(b)];
  if (x !== y) return x < y ? -1 : 1;
  return Number(a.second) - Number(b.second);
}

function minutes(m: Moment): bigint {
  return dayNumber(m.year, m.month, m.day) * 1440n + BigInt(m.hour * 60 + m.minute - (m.zone ?? 0));
}

/** Days since a fixed point in the proleptic Gregorian calendar. */
export function dayNumber(year: bigint, month: number, day: number): bigint {
  const y = month <= 2 ? year - 1n : year;
  const era = (y >= 0n ? y : y - 399n) / 400n;
  const yearOfEra = y - era * 400n;
  const dayOfYear = BigInt(Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1);
  return era * 146097n + yearOfEra * 365n + yearOfEra / 4n - yearOfEra / 100n + dayOfYear;
}

/** `null` for a zone that does not exist. */
function zoneMinutes(text: string | undefined): number | undefined | null {
  if (text === undefined) return undefined;
  if (text === "Z") return 0;
  const hours = Number(text.slice(1, 3));
  const mins = Number(text.slice(4, 6));
  if (mins > 59 || hours * 60 + mins > 840) return null;
  return (text.startsWith("-") ? -1 : 1) * (hours * 60 + mins);
}

function daysIn(y: bigint, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  return (y % 4n === 0n && y % 100n !== 0n) || y % 400n === 0n ? 29 : 28;
}
