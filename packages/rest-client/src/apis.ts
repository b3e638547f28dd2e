import * as aktivsjekken from "./gen/aktivsjekken.ts";
import * as communicationParty from "./gen/communication-party.ts";
import * as cppa from "./gen/cppa.ts";
import * as helsekontakter from "./gen/helsekontakter.ts";
import * as selvbetjening from "./gen/selvbetjening.ts";

/** A server that a document names. `inferred`: nobody has confirmed it. */
export interface ApiServer {
  readonly url: string;
  readonly environment: string;
  /** Security scheme that goes with this address, where the document ties them. */
  readonly security?: string;
  readonly inferred?: boolean;
}

/** Addresses and scopes of the services, as their documents in specs/ state them. */
export const apis = {
  aktivsjekken: { servers: aktivsjekken.servers, securitySchemes: aktivsjekken.securitySchemes },
  helsekontakter: { servers: helsekontakter.servers, securitySchemes: helsekontakter.securitySchemes },
  cppa: { servers: cppa.servers, securitySchemes: cppa.securitySchemes },
  selvbetjening: { servers: selvbetjening.servers, securitySchemes: selvbetjening.securitySchemes },
  communicationParty: { servers: communicationParty.servers, securitySchemes: communicationParty.securitySchemes },
} as const satisfies Record<
  string,
  {
    readonly servers: readonly ApiServer[];
    readonly securitySchemes: Readonly<
      Record<string, { readonly scopes: readonly string[]; readonly inferred: boolean }>
    >;
  }
>;

/** Names of the services in {@link apis}. */
export type ApiName = keyof typeof apis;
