/** What `JSON` has had since V8 11.4 and the ES2023 library does not declare. */
const json = JSON as unknown as { rawJSON(text: string): unknown };

/**
 * A decimal whose digits a JavaScript number would not give back (`1.0`, `0.10`, more than 15 digits).
 *
 * FHIR gives trailing zeros a meaning, so `parseFhirJson` and `fhirFromXml` keep such a value as text; all other decimals
 * are plain numbers. Both forms are valid wherever a decimal stands.
 *
 * @see FHIR R4, 2.24 Data types, decimal
 */
export class FhirDecimal {
  /** The digits as they were written. */
  readonly text: string;

  /** @param text - digits in JSON's number form. */
  constructor(text: string) {
    this.text = text;
  }

  /** The value as a number, with its loss of precision. */
  valueOf(): number {
    return Number(this.text);
  }

  toString(): string {
    return this.text;
  }

  /** Makes `JSON.stringify` write the digits as they are; text that is no number is written as a string. */
  toJSON(): unknown {
    return decimalForm.test(this.text) ? json.rawJSON(this.text) : this.text;
  }
}

const decimalForm = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** A number where that gives the same digits back, else a {@link FhirDecimal}. */
export function decimalFromText(text: string): number | FhirDecimal {
  const value = Number(text);
  return String(value) === text ? value : new FhirDecimal(text);
}

/** True when the text has FHIR's form of a decimal. */
export function isDecimalText(text: string): boolean {
  return decimalForm.test(text);
}
