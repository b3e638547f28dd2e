/** One finding of a generated check: where, and which keyword of JSON Schema. */
export interface BodyFault {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A generated check. `errors` holds the findings of its last call. */
export type BodyCheck = ((value: unknown) => boolean) & { readonly errors?: readonly BodyFault[] | null };

/** The checks of one document's bodies. */
export interface BodyTable {
  readonly memberNames: ReadonlySet<string>;
  readonly operations: Readonly<
    Record<
      string,
      {
        readonly request: Readonly<Record<string, BodyCheck>>;
        /** By status: `200`, `4XX`, `default`. */
        readonly responses: Readonly<Record<string, Readonly<Record<string, BodyCheck>>>>;
      }
    >
  >;
}
