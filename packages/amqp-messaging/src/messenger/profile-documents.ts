import { type Clock, HelsekontaktError, type Logger } from "@helsekontakt/core";
import { parseProfile } from "../profile/parse-profile.ts";
import type { Profile } from "../profile/profile.ts";
import type { CollaborationRegistry } from "../registries/collaboration-registry.ts";
import { type LookUp, mapLookUp } from "../registries/look-up.ts";
import { RegistryCache, type RegistryCacheOptions } from "../registries/registry-cache.ts";

interface Document {
  readonly profile: Profile;
  readonly bytes: number;
}

/**
 * Documents of the collaboration registry, each fetched and read once for all who look at it: what an own party sees in
 * an agreement is worked out at each look.
 *
 * @internal
 */
export class ProfileDocuments {
  readonly #registry: CollaborationRegistry;
  readonly #cache: RegistryCache<Document>;
  readonly #clock: Clock;

  constructor(
    registry: CollaborationRegistry,
    options: RegistryCacheOptions & { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#registry = registry;
    this.#clock = options.clock;
    this.#cache = new RegistryCache({
      ...options,
      what: "profile",
      // That there is no agreement is an answer like any other: without it no profile could be used in an outage.
      keepsMissing: true,
      // One that is over has been replaced, or soon will be.
      isLasting: ({ profile }) => profile.kind === "cpp" || isInForce(profile, options.clock.now()),
      about: ({ profile }) => profile.parties.map((p) => p.herId),
      weigh: ({ bytes }) => bytes,
    });
  }

  /**
   * The agreement that a message names, if it is in force; else the one between the two parties; else the party's
   * profile. Nothing when the registry has none of them.
   *
   * @throws {HelsekontaktError} `registry/profile-invalid`, `registry/unavailable`
   */
  async find(herId: string, ownHerId: string, cpaId: string | undefined): Promise<Profile | undefined> {
    const named =
      cpaId === undefined
        ? undefined
        : await this.#get(`cpa ${cpaId.toLowerCase()}`, [herId, ownHerId], () => this.#registry.agreement(cpaId));
    if (named !== undefined && isInForce(named, this.#clock.now())) return named;
    const agreed = await this.#get(`pair ${ownHerId} ${herId}`, [herId, ownHerId], () =>
      this.#registry.agreementFor(ownHerId, herId),
    );
    return agreed ?? named ?? (await this.#get(`cpp ${herId}`, [herId], () => this.#registry.profile(herId)));
  }

  forget(herId: string): void {
    this.#cache.forget(herId);
  }

  expire(): void {
    this.#cache.expire();
  }

  async #get(
    key: string,
    herIds: readonly string[],
    ask: () => Promise<LookUp<Uint8Array>>,
  ): Promise<Profile | undefined> {
    const document = await this.#cache.get(key, herIds, async () => mapLookUp(await ask(), read));
    if (document === undefined) return undefined;
    const { profile } = document;
    // A message will name the agreement by its id: the same document.
    const byId = `cpa ${profile.id.toLowerCase()}`;
    if (profile.kind === "cpa" && key !== byId && !this.#cache.has(byId)) this.#cache.put(byId, herIds, document);
    return profile;
  }
}

/** @throws {HelsekontaktError} `registry/profile-invalid` */
function read(bytes: Uint8Array): LookUp<Document> {
  try {
    return { kind: "found", value: { profile: parseProfile(bytes), bytes: bytes.byteLength } };
  } catch (reason) {
    const error = HelsekontaktError.from(reason);
    if (error.code === "registry/profile-invalid") throw error;
    throw new HelsekontaktError(
      "registry/profile-invalid",
      `expected a document that can be read, found ${error.code}`,
      {
        context: { ...error.context, code: error.code },
        original: error,
      },
    );
  }
}

/** Values of an agreement's status while it stands. @see ebXML CPPA 2.0, section 9, Status and CPA lifetime */
const standing: readonly (string | undefined)[] = ["agreed", "signed", "proposed", undefined];

/**
 * Whether an agreement stands and its time has come and is not over. NHN's agreements in use are `proposed`, as often as
 * not.
 *
 * @internal
 */
export function isInForce({ status, start, end }: Profile, now: number): boolean {
  return standing.includes(status?.toLowerCase()) && !(Date.parse(start ?? "") > now) && !(Date.parse(end ?? "") < now);
}
