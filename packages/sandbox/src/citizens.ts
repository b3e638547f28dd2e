/**
 * How a citizen can be reached on Helsenorge, in the terms of HelsenorgeAktivSjekken. `representative`: through a parent
 * or by power of attorney. `assigned`: the citizen lacks capacity to consent and has been given a representative
 * (`tildeltFullmakt`). `unknown`: the service does not mention the number at all.
 */
export type DigitalStatus = "self" | "representative" | "assigned" | "none" | "unknown";

/** A person who does not exist. */
export interface SyntheticCitizen {
  /** Synthetic national identity number of the Tenor kind (month + 80). */
  readonly fnr: string;
  readonly familyName: string;
  readonly givenName: string;
  readonly status: DigitalStatus;
}

const givenNames = ["Signe", "Sara", "Olav", "Kari", "Nils", "Ingrid", "Per", "Anne"];
const firstWeights = [3, 7, 6, 1, 8, 9, 4, 5, 2];
const secondWeights = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2];

/**
 * Synthetic citizens, the same ones every time: seven of ten reach Helsenorge themselves, one through a representative
 * (every second of those an assigned one), one is not active, one is unknown.
 *
 * @param count - at most 20,000.
 */
export function syntheticCitizens(count: number): SyntheticCitizen[] {
  const citizens: SyntheticCitizen[] = [];
  for (let n = 0; citizens.length < count && n < 200_000; n++) {
    const year = 40 + (n % 60);
    const day = 1 + (Math.floor(n / 60) % 28);
    const month = 1 + (Math.floor(n / (60 * 28)) % 12);
    const individual = Math.floor(n / (60 * 28 * 12)) + 100;
    const nine = `${two(day)}${two(month + 80)}${two(year)}${String(individual).padStart(3, "0")}`;
    const fnr = withControlDigits(nine);
    if (fnr === undefined) continue;
    const turn = citizens.length % 10;
    const representative = citizens.length % 20 === 7 ? "representative" : "assigned";
    citizens.push({
      fnr,
      familyName: "Syntetisk",
      givenName: givenNames[n % givenNames.length] ?? "Signe",
      status: turn < 7 ? "self" : turn === 7 ? representative : turn === 8 ? "none" : "unknown",
    });
  }
  return citizens;
}

/** Appends the two control digits; undefined where the first nine digits have none. */
export function withControlDigits(nine: string): string | undefined {
  const digits = [...nine].map(Number);
  const k1 = controlDigit(digits, firstWeights);
  if (k1 === undefined) return undefined;
  const k2 = controlDigit([...digits, k1], secondWeights);
  return k2 === undefined ? undefined : `${nine}${k1}${k2}`;
}

function controlDigit(digits: readonly number[], weights: readonly number[]): number | undefined {
  const sum = weights.reduce((total, weight, i) => total + weight * (digits[i] ?? 0), 0);
  const digit = 11 - (sum % 11);
  return digit === 11 ? 0 : digit === 10 ? undefined : digit;
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}
