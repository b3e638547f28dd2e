/** A form in which the outcomes of a member list are answered. The real one is not published. */
export type MemberAnswerForm =
  | "batch-response"
  | "transaction-response"
  | "outcome-bundle"
  | "operation-outcome"
  | "list"
  | "list-by-index"
  | "object"
  | "lists-by-outcome"
  | "xml-list"
  | "empty"
  | "no-content";

/** How the service behaves from the next request on; every part may be changed while it runs. */
export interface HelsekontakterBehaviour {
  /** Default `batch-response`. */
  form: MemberAnswerForm;
  /** Whether an answer names its members (by address or number), or gives them in the order of the request. Default true. */
  named: boolean;
  /** Milliseconds for a request, whatever it holds. Default 0. */
  baseMs: number;
  /** Milliseconds more for each member. Default 0. */
  perMemberMs: number;
  /** For how many requests the answer is held back although the members were stored; counts down. Default 0. */
  storeThenHold: number;
  /** How long an answer is held back, in milliseconds. Default 60,000. */
  holdMs: number;
  /** Members that the answer passes over although they were handled. Default none. */
  omit: (fnr: string) => boolean;
  /** Codes by number, for members who are refused for another reason than that they are not active. */
  readonly refuse: Map<string, string>;
  /** A member whose presence in a list lets the whole request go without an answer; nothing is stored then. */
  readonly poison: Set<string>;
  /** Members in one request, at most: more are answered 413. Default 1,000. */
  maxMembers: number;
  /** Whether offerings that a Bundle leaves out are withdrawn by it. Default false. */
  replaceOfferings: boolean;
}

/** An offering as it was sent last. */
export interface StoredOffering {
  /** GUID, without `urn:uuid:`. */
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  /** Organisation number. */
  readonly organisation: string;
  readonly location?: unknown;
}

/** A registered member. */
export interface StoredMember {
  readonly fnr: string;
  /** Organisation number. */
  readonly organisation: string;
  readonly start: string;
  readonly end: string;
  /** How often the very same period was sent for it, the first time included. */
  readonly times: number;
}

/** What Helsenorge keeps of the offerings and members it was sent. */
export interface HelsekontakterState {
  /** By GUID. */
  readonly offerings: Map<string, StoredOffering>;
  /** Organisation numbers with offerings. */
  readonly organisations: Set<string>;
  /** By `number/organisation`. */
  readonly members: Map<string, StoredMember>;
  /** Members in each list that was handled, oldest first; the newest 100,000. */
  readonly calls: { readonly members: number; readonly answered: boolean }[];
  readonly behaviour: HelsekontakterBehaviour;
}

/** An empty state with everything as it should be. */
export function createHelsekontakterState(): HelsekontakterState {
  return {
    offerings: new Map(),
    organisations: new Set(),
    members: new Map(),
    calls: [],
    behaviour: {
      form: "batch-response",
      named: true,
      baseMs: 0,
      perMemberMs: 0,
      storeThenHold: 0,
      holdMs: 60_000,
      omit: () => false,
      refuse: new Map(),
      poison: new Set(),
      maxMembers: 1_000,
      replaceOfferings: false,
    },
  };
}
