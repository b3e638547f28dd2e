import type { JWK } from "jose";

/** A public key that a client may sign with. */
export interface ClientKeyEntry {
  /** With `kid` and `alg`; public. */
  readonly jwk: JWK;
  /** Milliseconds since 1970-01-01 UTC; undefined: it does not expire. */
  readonly expiresAt?: number;
  readonly origin: "Gui" | "Api";
}

/** A client as HelseID's self service would know it. */
export interface RegisteredClient {
  readonly clientId: string;
  /** Public keys, each with `kid` and `alg`. */
  readonly jwks: { readonly keys: readonly JWK[] };
  readonly scopes: readonly string[];
  readonly organisationNumber: string;
  /** Default `single`. */
  readonly tenancy?: "single" | "multi";
  /** Units below the organisation that a single-tenant client may name. */
  readonly children?: readonly string[];
  /** Organisations that have delegated to a multi-tenant client. */
  readonly delegations?: readonly string[];
  /** By organisation: scopes whose API's terms it has not accepted; they come back as `rejected_scope`. */
  readonly termsMissing?: Readonly<Record<string, readonly string[]>>;
}

/** Clients with their keys, which come and go. */
export class ClientRegister {
  readonly #clients: ReadonlyMap<string, { readonly client: RegisteredClient; readonly keys: ClientKeyEntry[] }>;
  readonly #now: () => number;

  constructor(clients: readonly RegisteredClient[], now: () => number) {
    this.#now = now;
    this.#clients = new Map(
      clients.map((client) => [
        client.clientId,
        { client, keys: client.jwks.keys.map((jwk): ClientKeyEntry => ({ jwk, origin: "Gui" })) },
      ]),
    );
  }

  find(clientId: string | null): RegisteredClient | undefined {
    return this.#clients.get(clientId ?? "")?.client;
  }

  /** The keys that are good now. */
  keys(clientId: string): readonly ClientKeyEntry[] {
    const now = this.#now();
    return this.#entries(clientId).filter((k) => k.expiresAt === undefined || k.expiresAt > now);
  }

  /** Adds a key, as a person does in the web pages or the API for them. False when its id is taken. */
  addKey(clientId: string, entry: ClientKeyEntry): boolean {
    const keys = this.#entries(clientId);
    if (keys.some((k) => k.jwk.kid === entry.jwk.kid)) return false;
    keys.push(entry);
    return true;
  }

  /** Lets a key expire at the given moment. */
  expireKey(clientId: string, kid: string, at: number): void {
    const keys = this.#entries(clientId);
    for (const [index, key] of keys.entries()) if (key.jwk.kid === kid) keys[index] = { ...key, expiresAt: at };
  }

  #entries(clientId: string): ClientKeyEntry[] {
    return this.#clients.get(clientId)?.keys ?? [];
  }
}
