/** One property: its JSON and XML name, its type, and flags (`l` list, `a` XML attribute). */
export type FhirFieldRow = readonly [name: string, type: string, flags?: string];

/** The properties of one type, in the order that FHIR XML demands. */
export interface FhirTypeTable {
  readonly resource?: true;
  readonly fields: readonly FhirFieldRow[];
}
