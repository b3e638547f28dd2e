/** Where an offering is given. */
export interface OfferingLocation {
  /** One line or several. */
  readonly line: string | readonly string[];
  readonly postalCode: string;
  readonly city: string;
  readonly phone?: string;
  readonly url?: string;
}

/** Who offers. Members are linked to an offering by this organisation's number. */
export interface OfferingOrganisation {
  /** Nine digits without blanks. */
  readonly organisationNumber: string;
  readonly name: string;
  /** HER-id, level 1: what is sent as `Organization.endpoint`. */
  readonly herId: string;
}

/** A health offering that all members get to see. */
export interface Offering {
  /** GUID of yours; the same one updates the same offering. */
  readonly id: string;
  /** Shown to the citizen. */
  readonly name: string;
  /** Description. */
  readonly comment?: string;
  /** Default true. */
  readonly active?: boolean;
  /** HER-id of the communication party, often level 2. Default: the first own service. */
  readonly herId?: string;
  /** One place, or several. */
  readonly location?: OfferingLocation | readonly OfferingLocation[];
  /** Default: the organisation of the configuration. */
  readonly organisation?: OfferingOrganisation;
}

/** What has changed in one offering, or in the organisation behind several. */
export interface OfferingChange {
  /** Organisation number. */
  readonly organisation: string;
  /** GUID; absent where the organisation itself is meant. */
  readonly id?: string;
  /** `missing`: known from before, not in the list now, and kept as it was. */
  readonly kind: "new" | "changed" | "withdrawn" | "missing";
  /** FHIR paths that differ, such as `HealthcareService.name`; their values are never told. */
  readonly paths: readonly string[];
}

/** What became of the Bundle of one organisation. */
export interface PublishedBundle {
  /** Organisation number. */
  readonly organisation: string;
  /** `sent` in a dry run means that it would be. */
  readonly result: "sent" | "unchanged";
  readonly offerings: number;
  /** Bytes as JSON, whatever media type is used. */
  readonly size: number;
}

/** What was published. */
export interface PublishResult {
  /** `unchanged` when nothing had to be sent. */
  readonly result: "sent" | "unchanged";
  readonly offerings: number;
  /** Bytes of all Bundles that were sent, as JSON. */
  readonly size: number;
  readonly bundles: readonly PublishedBundle[];
  readonly changes: readonly OfferingChange[];
}

/** How to publish. */
export interface PublishOptions {
  /** What becomes of offerings that were sent before and are not in the list: left as they are, or withdrawn. Default `keep`. */
  readonly missing?: "keep" | "withdraw";
  /** Sends also what is unchanged. Default false. */
  readonly force?: boolean;
  /** Finds out what would be sent, and sends nothing. Default false. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** An offering as it was sent last. */
export interface SentOffering {
  readonly offering: Offering;
  /** Organisation number. */
  readonly organisation: string;
  readonly withdrawn: boolean;
  /** Milliseconds since 1970 UTC. */
  readonly sentAt: number;
}

/** Health offerings: step 1 of Medlemstjenester. With a journal only what has changed is sent. */
export interface Offerings {
  /**
   * Publishes offerings, one Bundle per organisation; it comes before the members.
   *
   * @throws {ValidationError} `fhir/not-valid` before anything is sent
   * @throws {HelsekontaktError} `input/invalid`, `rest/*`, `auth/*`, `journal/*`, `abort/cancelled`
   * @see Medlemstjenester, step 1
   */
  publish(offerings: readonly Offering[], options?: PublishOptions): Promise<PublishResult>;
  /**
   * What {@link publish} would change. Without a journal everything is new.
   *
   * @throws {ValidationError} `fhir/not-valid`
   * @throws {HelsekontaktError} `input/invalid`, `journal/*`, `abort/cancelled`
   */
  diff(offerings: readonly Offering[], options?: Omit<PublishOptions, "dryRun">): Promise<PublishResult>;
  /**
   * Withdraws offerings by GUID: by `active=false`, or left out of the Bundle, as `offeringWithdrawal` says (inferred).
   *
   * @throws {HelsekontaktError} `config/missing` without a journal, `input/invalid` for a GUID that was never sent,
   *   `rest/*`, `auth/*`, `journal/*`, `abort/cancelled`
   */
  withdraw(ids: readonly string[], options?: Omit<PublishOptions, "missing">): Promise<PublishResult>;
  /** What was sent last. @throws {HelsekontaktError} `config/missing` without a journal, `journal/*` */
  sent(options?: { readonly signal?: AbortSignal }): Promise<readonly SentOffering[]>;
}
