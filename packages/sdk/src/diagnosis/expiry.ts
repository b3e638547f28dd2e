import { type Finding, fault, ok, warning } from "./types.ts";

const day = 86_400_000;

/** Days before the end at which the words become stronger. */
const steps = [
  { days: 7, hint: "within days" },
  { days: 30, hint: "now: a new one takes weeks to order and to register" },
  { days: 60, hint: "soon: order the new one" },
] as const;

/** How long something is valid yet: a fault after its end, a warning from 60, 30 and 7 days before. */
export function expiryFinding(what: string, notAfter: number, now: number, how: string): Finding {
  const left = Math.floor((notAfter - now) / day);
  if (notAfter <= now) return fault(`${what}: expected a valid one, found it expired ${-left} day(s) ago`, how);
  const step = steps.find((s) => left < s.days);
  const text = `${what}: ${left} day(s) left`;
  return step === undefined ? ok(text) : warning(`${text}, fewer than ${step.days}`, `${how}, ${step.hint}`);
}
