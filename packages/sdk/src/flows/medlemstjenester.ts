import { randomUUID } from "node:crypto";
import { isDNumber, personal, reveal } from "@helsekontakt/amqp-messaging/messages";
import { type Clock, HelsekontaktError, type Personal, throwIfAborted, ValidationError } from "@helsekontakt/core";
import type { DigitalStatus, Journal, Member } from "@helsekontakt/journal";
import type { HelsekontakterClient, MemberOutcome } from "@helsekontakt/rest-client";
import { identifierSystems } from "@helsekontakt/types/codes";
import type { Bundle, BundleEntry, HealthcareService, Location, Organization, Patient } from "@helsekontakt/types/fhir";
import { validateFhir } from "@helsekontakt/validators/fhir";
import { profileUrls } from "@helsekontakt/types/fhir";
import type { OrganisationConfig } from "../config.ts";
import type { PersonGuard } from "../person-guard.ts";

/** A health offering that all members get to see. */
export interface Offering {
  /** GUID of yours; the same one updates the same offering. */
  readonly id: string;
  readonly name: string;
  readonly comment?: string;
  /** Default true. */
  readonly active?: boolean;
  /** HER-id of the communication party, often level 2. Default: the first own service. */
  readonly herId?: string;
  readonly location?: {
    readonly line: string;
    readonly postalCode: string;
    readonly city: string;
    readonly phone?: string;
    readonly url?: string;
  };
}

/** One member. */
export interface Medlem {
  readonly fnr: Personal | string;
  /** `yyyy-mm-dd`. */
  readonly from: string;
  /** `yyyy-mm-dd`, the last day. */
  readonly to: string;
}

/** What was published. */
export interface PublishResult {
  readonly offerings: number;
  /** Bytes of the Bundle. */
  readonly size: number;
}

/** `not-active`: kept in the register, to be tried again. `unanswered`: the answer did not mention the member: resend. */
export type MedlemOutcome = "registered" | "not-active" | "rejected" | "unanswered";

/** How to register. */
export interface RegisterOptions {
  /** Members per call. No number is published; small batches stay below the service's 15 s. Default 100. */
  readonly batchSize?: number;
  /** When a member who is not active is tried again. Default 7 days. */
  readonly retryAfterMs?: number;
  readonly onProgress?: (progress: {
    readonly sent: number;
    readonly calls: number;
    readonly outcomes: Readonly<Record<MedlemOutcome, number>>;
  }) => void;
  readonly signal?: AbortSignal;
}

/** What became of each member. */
export interface RegisterResult {
  /** One per member, in the order given. */
  readonly members: readonly {
    readonly fnr: Personal;
    readonly outcome: MedlemOutcome;
    readonly codes: readonly string[];
  }[];
  readonly counts: Readonly<Record<MedlemOutcome, number>>;
  readonly calls: number;
}

/** Medlemstjenester: health offerings for all members of an organisation. Several facts are inferred; see the docs. */
export interface Medlemstjenester {
  /**
   * Publishes offerings; it comes before the members.
   *
   * @throws {ValidationError} `fhir/not-valid`
   * @throws {HelsekontaktError} `input/invalid`, `rest/*`, `auth/*`, `abort/cancelled`
   * @see Medlemstjenester, step 1
   */
  publish(offerings: readonly Offering[], options?: { readonly signal?: AbortSignal }): Promise<PublishResult>;
  /**
   * Registers members in batches. With a journal each member's status is kept, and one who is not active gets a date to
   * try again; see {@link due}.
   *
   * @throws {ValidationError} `fhir/not-valid`
   * @throws {HelsekontaktError} `input/invalid`, `rest/*`, `auth/*`, `journal/*`, `abort/cancelled`; what was answered
   *   before the fault is in the register
   * @see Medlemstjenester, step 2
   */
  register(members: Iterable<Medlem>, options?: RegisterOptions): Promise<RegisterResult>;
  /** Members whose date to try again has come. @throws {HelsekontaktError} `config/missing` without a journal */
  due(options?: { readonly limit?: number; readonly signal?: AbortSignal }): Promise<readonly Member[]>;
}

const sevenDays = 7 * 24 * 3_600_000;

/** Builds the flow on the generated client. */
export function createMedlemstjenester(
  client: HelsekontakterClient,
  journal: Journal | undefined,
  own: OrganisationConfig,
  clock: Clock,
  guard: PersonGuard,
): Medlemstjenester {
  return {
    async publish(offerings, options = {}) {
      if (offerings.length === 0)
        throw new HelsekontaktError("input/invalid", "expected at least one offering, found none");
      const bundle = offeringsBundle(offerings, own);
      check(bundle, "HkOfferingsBundle", "the offerings Bundle");
      await client.publish(bundle, options);
      return { offerings: offerings.length, size: Buffer.byteLength(JSON.stringify(bundle)) };
    },

    async register(members, options = {}) {
      const { batchSize = 100, retryAfterMs = sevenDays, onProgress, signal } = options;
      if (!(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= 1_000))
        throw new HelsekontaktError(
          "input/invalid",
          "expected batchSize to be a whole number from 1 to 1000, found another value",
        );
      const results: RegisterResult["members"][number][] = [];
      const counts = { registered: 0, "not-active": 0, rejected: 0, unanswered: 0 };
      let calls = 0;
      for (const batch of batches(members, batchSize)) {
        throwIfAborted(signal);
        for (const [i, { fnr }] of batch.entries()) guard(fnr, `members[${results.length + i}].fnr`);
        const bundle = membersBundle(batch, own.organisationNumber);
        check(bundle, "HkMembersBundle", "the members Bundle");
        const memberships = batch.map((m) => ({
          person: personal(m.fnr),
          organisation: own.organisationNumber,
          start: m.from,
          end: m.to,
        }));
        await journal?.members.upsert(memberships, signal === undefined ? {} : { signal });
        const answer = await client.registerMembers(bundle, signal === undefined ? {} : { signal });
        calls++;
        for (const [i, { person }] of memberships.entries()) {
          const result = answer.members.find((m) => m.index === i);
          const outcome = outcomeOf(result);
          counts[outcome]++;
          results.push({ fnr: person, outcome, codes: result?.codes ?? [] });
          await journal?.members.setStatus(
            person,
            {
              status: statusOf(outcome),
              organisation: own.organisationNumber,
              ...(outcome === "registered"
                ? {}
                : { nextRetryAt: clock.now() + (outcome === "unanswered" ? 0 : retryAfterMs) }),
            },
            // What was answered is kept, also when the caller gives up meanwhile.
          );
        }
        onProgress?.({ sent: results.length, calls, outcomes: { ...counts } });
      }
      return { members: results, counts, calls };
    },

    async due({ limit, signal } = {}) {
      if (journal === undefined)
        throw new HelsekontaktError(
          "config/missing",
          "expected a journal to keep the register of members, found none",
          { context: { paths: ["journal"] } },
        );
      return journal.members.due({
        organisation: own.organisationNumber,
        ...(limit === undefined ? {} : { limit }),
        ...(signal === undefined ? {} : { signal }),
      });
    },
  };
}

function outcomeOf(result: MemberOutcome | undefined): MedlemOutcome {
  if (result === undefined || result.status === "unknown") return "unanswered";
  if (result.status === "accepted") return "registered";
  return result.reason === "not-active" ? "not-active" : "rejected";
}

function statusOf(outcome: MedlemOutcome): DigitalStatus {
  return outcome === "registered" ? "active" : outcome === "not-active" ? "inactive" : "unknown";
}

function check(bundle: Bundle, profile: keyof typeof profileUrls, what: string): void {
  const { valid, issues } = validateFhir(bundle, { profile: profileUrls[profile] });
  if (!valid) throw new ValidationError("fhir/not-valid", issues, what);
}

function offeringsBundle(offerings: readonly Offering[], own: OrganisationConfig): Bundle {
  const organisationUrl = `urn:uuid:${randomUUID()}`;
  const organisation: Organization = {
    resourceType: "Organization",
    identifier: [{ system: identifierSystems.organisasjonsnummer, value: own.organisationNumber }],
    name: own.name,
    // Whether upstream's "Organization.endpoint.id" is the element's id or the identifier is not known: both are sent.
    endpoint: [{ id: own.herId, ...herId(own.herId) }],
  };
  const entries: BundleEntry[] = [{ fullUrl: organisationUrl, resource: organisation }];
  for (const offering of offerings) {
    const locationUrl = `urn:uuid:${randomUUID()}`;
    const { location } = offering;
    const service: HealthcareService = {
      resourceType: "HealthcareService",
      identifier: [{ system: identifierSystems.uuid, value: `urn:uuid:${offering.id}` }],
      active: offering.active ?? true,
      providedBy: { reference: organisationUrl },
      ...(location === undefined ? {} : { location: [{ reference: locationUrl }] }),
      name: offering.name,
      ...(offering.comment === undefined ? {} : { comment: offering.comment }),
      endpoint: [herId(offering.herId ?? own.services[0]?.herId ?? own.herId)],
    };
    entries.push({ fullUrl: `urn:uuid:${offering.id}`, resource: service });
    if (location !== undefined) entries.push({ fullUrl: locationUrl, resource: locationOf(location) });
  }
  return { resourceType: "Bundle", type: "collection", entry: entries };
}

function herId(value: string): { identifier: { system: string; value: string } } {
  return { identifier: { system: identifierSystems.herId, value } };
}

function locationOf(location: NonNullable<Offering["location"]>): Location {
  const telecom = [
    ...(location.phone === undefined ? [] : [{ system: "phone" as const, value: location.phone }]),
    ...(location.url === undefined ? [] : [{ system: "url" as const, value: location.url }]),
  ];
  return {
    resourceType: "Location",
    ...(telecom.length === 0 ? {} : { telecom }),
    address: { line: [location.line], city: location.city, postalCode: location.postalCode },
  };
}

function membersBundle(members: readonly Medlem[], organisationNumber: string): Bundle {
  return {
    resourceType: "Bundle",
    type: "collection",
    entry: members.map((member) => {
      const fnr = reveal(member.fnr);
      const patient: Patient = {
        resourceType: "Patient",
        identifier: [
          { system: isDNumber(fnr) ? identifierSystems.dNummer : identifierSystems.fodselsnummer, value: fnr },
        ],
        contact: [
          {
            organization: { identifier: { system: identifierSystems.organisasjonsnummer, value: organisationNumber } },
            period: { start: member.from, end: member.to },
          },
        ],
      };
      return { fullUrl: `urn:uuid:${randomUUID()}`, resource: patient };
    }),
  };
}

function* batches<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
