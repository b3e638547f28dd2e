/** One kind of payload that a side may send, over all actions and versions of the process. */
export interface PayloadRule {
  readonly namespaces: readonly string[];
  /** Local name of the root element; absent where no public source gives it. */
  readonly element?: string;
  readonly min: number;
  /** Absent: no upper limit. */
  readonly max?: number;
}

/** One part that a party has in a dialogue, told by its code. */
export interface DialogPart {
  readonly part: string;
  readonly element: "Foresporsel" | "Notat";
  readonly list: "7601" | "7602";
  readonly codes: readonly string[];
  /** Who sends it; absent: either. */
  readonly party?: "helsenorge" | "provider";
}

/** What is stated about one asynchronous function. */
export interface FunctionRules {
  readonly payloads: {
    readonly provider?: readonly PayloadRule[];
    readonly helsenorge?: readonly PayloadRule[];
  };
  /** Longest texts that Helsenorge shows, by element. */
  readonly textLimits: Readonly<Record<string, number>>;
  readonly parts: readonly DialogPart[];
}
