import type { NumberCheck } from "@helsekontakt/rest-client";
import { safeParsePersonNumber } from "@helsekontakt/validators/identifiers";

/** What numbers are held to before they are sent. */
export interface NumberRules {
  /** `synthetic`: real persons are refused, as outside PROD; `real`: synthetic ones are. Default: no such check. */
  readonly persons?: "synthetic" | "real";
  /** What a number with wrong control digits is: such numbers have been issued and are in official samples. Default `warning`. */
  readonly controlDigits?: "error" | "warning" | "off";
}

/** The check of each number of a run: Helsenorge knows fødselsnummer and D-number only. */
export function createNumberCheck({ persons, controlDigits = "warning" }: NumberRules): NumberCheck {
  return (fnr) => {
    const number = safeParsePersonNumber(fnr);
    if (number === undefined || number.kind === "fhn") return { problem: "no-person-number", level: "error" };
    if (persons === "synthetic" && number.synthetic === false) return { problem: "real-person", level: "error" };
    if (persons === "real" && number.synthetic !== false) return { problem: "synthetic-person", level: "error" };
    if (controlDigits !== "off" && number.checksum === "invalid")
      return { problem: "control-digits", level: controlDigits };
    return undefined;
  };
}
