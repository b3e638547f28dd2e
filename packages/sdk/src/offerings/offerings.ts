import { HelsekontaktError, throwIfAborted } from "@helsekontakt/core";
import type { Journal, SentOfferings } from "@helsekontakt/journal";
import type { HelsekontakterClient } from "@helsekontakt/rest-client";
import type { Bundle } from "@helsekontakt/types/fhir";
import { isUuid } from "@helsekontakt/validators/identifiers";
import type { OrganisationConfig } from "../config.ts";
import { buildOfferingsBundle, checkOfferingsBundle } from "./bundle.ts";
import { diffBundles } from "./diff.ts";
import type {
  Offering,
  OfferingChange,
  OfferingOrganisation,
  Offerings,
  PublishedBundle,
  PublishOptions,
  PublishResult,
} from "./types.ts";

/** What the journal keeps of one organisation. */
interface Kept {
  readonly organisation: OfferingOrganisation;
  readonly offerings: readonly Offering[];
  readonly bundle: Bundle;
}

/** What is to be sent for one organisation. */
interface Plan {
  readonly kept: Kept;
  readonly changes: readonly OfferingChange[];
  readonly changed: boolean;
}

type Cancellable = Pick<PublishOptions, "signal">;

/** Builds the offerings part on the generated client. */
export function createOfferings(
  client: HelsekontakterClient,
  journal: Journal | undefined,
  own: OrganisationConfig,
): Offerings {
  const { wire } = client;
  const defaultHerId = own.services[0]?.herId ?? own.herId;

  async function before(organisation: string, options: Cancellable): Promise<Kept | undefined> {
    const sent = await journal?.offerings.get(organisation, options);
    return sent === undefined ? undefined : (sent.content as Kept);
  }

  /** The whole Bundle of an organisation: what is given, and what was sent before and is to stay. */
  function plan(
    organisation: OfferingOrganisation,
    given: readonly Offering[],
    kept: Kept | undefined,
    missing: NonNullable<PublishOptions["missing"]>,
  ): Plan {
    const named = new Set(given.map((o) => o.id.toLowerCase()));
    const absent = (kept?.offerings ?? []).filter((o) => !named.has(o.id.toLowerCase()));
    const omitted = missing === "withdraw" && wire.offeringWithdrawal === "omit";
    const others = omitted ? [] : absent.map((o) => (missing === "withdraw" ? { ...o, active: false } : o));
    const offerings = [...given, ...others].sort((a, b) => (a.id.toLowerCase() < b.id.toLowerCase() ? -1 : 1));
    if (offerings.length === 0)
      throw new HelsekontaktError(
        "input/invalid",
        "expected an offering that stays, found that the last one is left out",
        {
          hint: "withdraw the last offering with offeringWithdrawal: inactive; a Bundle without offerings is none",
        },
      );
    const bundle = buildOfferingsBundle(organisation, offerings, defaultHerId, wire);
    checkOfferingsBundle(bundle);
    const changes = diffBundles(organisation.organisationNumber, kept?.bundle, bundle);
    const left = missing === "keep" ? absent.filter((o) => o.active !== false) : [];
    return {
      kept: { organisation, offerings, bundle },
      changed: changes.length > 0,
      changes: [
        ...changes,
        ...left.map(
          ({ id }): OfferingChange => ({
            organisation: organisation.organisationNumber,
            id: id.toLowerCase(),
            kind: "missing",
            paths: [],
          }),
        ),
      ],
    };
  }

  async function carryOut(plans: readonly Plan[], options: PublishOptions): Promise<PublishResult> {
    const cancellable = options.signal === undefined ? {} : { signal: options.signal };
    const bundles: PublishedBundle[] = [];
    for (const { kept, changed } of plans) {
      throwIfAborted(options.signal);
      const { organisationNumber } = kept.organisation;
      const send = changed || options.force === true;
      if (send && options.dryRun !== true) {
        await client.publish(kept.bundle, cancellable);
        // What was taken is kept, also when the caller gives up meanwhile.
        await journal?.offerings.put(organisationNumber, kept);
      }
      bundles.push({
        organisation: organisationNumber,
        result: send ? "sent" : "unchanged",
        offerings: kept.offerings.length,
        size: Buffer.byteLength(JSON.stringify(kept.bundle)),
      });
    }
    const sent = bundles.filter((b) => b.result === "sent");
    return {
      result: sent.length > 0 ? "sent" : "unchanged",
      offerings: sent.reduce((sum, b) => sum + b.offerings, 0),
      size: sent.reduce((sum, b) => sum + b.size, 0),
      bundles,
      changes: plans.flatMap((p) => p.changes),
    };
  }

  const needJournal = (): Journal => {
    if (journal !== undefined) return journal;
    throw new HelsekontaktError("config/missing", "expected a journal that knows what was sent, found none", {
      context: { paths: ["journal"] },
    });
  };
  const keptOf = (sent: SentOfferings): Kept => sent.content as Kept;

  const publish: Offerings["publish"] = async (offerings, options = {}) => {
    const { missing = "keep", signal } = options;
    const cancellable = signal === undefined ? {} : { signal };
    const plans: Plan[] = [];
    for (const [organisation, given] of byOrganisation(offerings, own))
      plans.push(plan(organisation, given, await before(organisation.organisationNumber, cancellable), missing));
    const given = new Set(plans.map((p) => p.kept.organisation.organisationNumber));
    for (const sent of (await journal?.offerings.all(cancellable)) ?? [])
      if (!given.has(sent.organisation)) plans.push(plan(keptOf(sent).organisation, [], keptOf(sent), missing));
    return carryOut(plans, options);
  };

  return {
    publish,
    diff: (offerings, options = {}) => publish(offerings, { ...options, dryRun: true }),

    async withdraw(ids, options = {}) {
      const wanted = new Set(ids.map((id) => checkGuid(id, "ids")));
      const plans: Plan[] = [];
      for (const sent of await needJournal().offerings.all(
        options.signal === undefined ? {} : { signal: options.signal },
      )) {
        const kept = keptOf(sent);
        const stay = kept.offerings.filter((o) => !wanted.has(o.id.toLowerCase()));
        if (stay.length === kept.offerings.length) continue;
        for (const { id } of kept.offerings) wanted.delete(id.toLowerCase());
        plans.push(plan(kept.organisation, stay, kept, "withdraw"));
      }
      if (wanted.size > 0)
        throw new HelsekontaktError(
          "input/invalid",
          `expected GUIDs of offerings that were sent, found ${wanted.size} that were not`,
          { context: { ids: [...wanted] }, hint: "sent() lists what was sent from this journal" },
        );
      return carryOut(plans, options);
    },

    async sent(options = {}) {
      const all = await needJournal().offerings.all(options);
      return all.flatMap((sent) =>
        keptOf(sent).offerings.map((offering) => ({
          offering,
          organisation: sent.organisation,
          withdrawn: offering.active === false,
          sentAt: sent.sentAt,
        })),
      );
    },
  };
}

/** Offerings by their organisation, in the order in which these come. */
function byOrganisation(
  offerings: readonly Offering[],
  own: OrganisationConfig,
): ReadonlyMap<OfferingOrganisation, readonly Offering[]> {
  if (offerings.length === 0)
    throw new HelsekontaktError("input/invalid", "expected at least one offering, found none");
  const self: OfferingOrganisation = {
    organisationNumber: own.organisationNumber,
    name: own.name,
    herId: own.herId,
  };
  const ids = new Set<string>();
  const known = new Map<string, OfferingOrganisation>();
  const found = new Map<OfferingOrganisation, Offering[]>();
  for (const [n, offering] of offerings.entries()) {
    const id = checkGuid(offering.id, `offerings[${n}].id`);
    if (ids.has(id))
      throw new HelsekontaktError(
        "input/invalid",
        `expected every offering to have its own GUID, found one twice at offerings[${n}].id`,
      );
    ids.add(id);
    const named = offering.organisation ?? self;
    const organisation = known.get(named.organisationNumber) ?? named;
    if (organisation.name !== named.name || organisation.herId !== named.herId)
      throw new HelsekontaktError(
        "input/invalid",
        `expected one name and HER-id for an organisation number, found others at offerings[${n}].organisation`,
      );
    known.set(organisation.organisationNumber, organisation);
    const group = found.get(organisation);
    if (group === undefined) found.set(organisation, [offering]);
    else group.push(offering);
  }
  return found;
}

function checkGuid(id: unknown, place: string): string {
  if (typeof id === "string" && isUuid(id)) return id.toLowerCase();
  throw new HelsekontaktError("input/invalid", `expected a GUID, found something else at ${place}`, {
    context: { place },
    hint: "make one with crypto.randomUUID() and keep it: the same GUID updates the same offering",
  });
}
