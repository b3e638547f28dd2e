import { HelsekontaktError, type Personal } from "@helsekontakt/core";
import { safeParsePersonNumber } from "@helsekontakt/validators/identifiers";

/** Refuses a number that does not belong into the environment; `place` says where it stands. */
export type PersonGuard = (fnr: Personal | string, place: string) => void;

/**
 * Keeps real persons out of test environments, and synthetic ones out of PROD: a number with month + 80 (Tenor) or
 * month + 40 (Dolly) is synthetic, any other fødselsnummer or D-number may be somebody's.
 *
 * What is no such number at all is left to the checks of the service that it is for.
 *
 * @param production - true where real persons live.
 */
export function createPersonGuard(production: boolean, enabled: boolean): PersonGuard {
  if (!enabled) return () => {};
  return (fnr, place) => {
    const number = safeParsePersonNumber(typeof fnr === "string" ? fnr : fnr.reveal());
    if (number === undefined || number.kind === "fhn") return;
    const synthetic = number.synthetic !== false;
    if (synthetic !== production) return;
    const [expected, found] = production
      ? ["a real person's number in PROD", "a synthetic one"]
      : ["a synthetic national identity number outside PROD", "one that may be a real person's"];
    throw new HelsekontaktError("input/invalid", `expected ${expected}, found ${found} in ${place}`, {
      context: { place },
      hint: "use Tenor's test persons in test environments; personGuard: false in the configuration lifts this check",
    });
  };
}
