import { HelsekontaktError } from "@helsekontakt/core";
import type { Organisation } from "./options.ts";

/**
 * Refuses organisation numbers that HelseID would refuse.
 *
 * @throws {HelsekontaktError} `input/invalid`
 */
export function checkOrganisation(organisation: Organisation): void {
  if (organisation.tenancy === "multi") checkNumber("parent", organisation.parent);
  if (organisation.tenancy === "single" || organisation.child !== undefined)
    checkNumber("child", organisation.child as string);
}

function checkNumber(name: string, value: string): void {
  if (typeof value === "string" && /^[0-9]{9}$/.test(value)) return;
  throw new HelsekontaktError(
    "input/invalid",
    `expected organisation number "${name}" to be nine digits without blanks, found another text`,
    { context: { setting: `organisation.${name}` } },
  );
}
