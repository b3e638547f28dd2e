import { createPrivateKey } from "node:crypto";
import { resolve } from "node:path";
import { type Identity, isKeyObject, loadIdentities, loadIdentity } from "@helsekontakt/amqp-messaging/protection";
import { HelsekontaktError } from "@helsekontakt/core";
import { createFileKeyStore, storedClientKey, type TokenSourceOptions } from "@helsekontakt/helseid";
import { type Journal, openJournal, sqliteStore } from "@helsekontakt/journal";
import type { ConfigFault } from "@helsekontakt/sdk";
import type { Resolved } from "./references.ts";

type Node = Readonly<Record<string, unknown>>;

/** Turns the file's forms into what the SDK takes; collects what cannot be turned. */
export class Builder {
  readonly #resolved: Resolved;
  readonly #folder: string;
  readonly faults: ConfigFault[] = [];

  constructor(resolved: Resolved, folder: string) {
    this.#resolved = resolved;
    this.#folder = folder;
  }

  /** A secret as text; the line end that editors put behind it is not part of it. */
  text(value: unknown, path: string): string | undefined {
    if (typeof value === "string") return value;
    return this.#resolved.bytes
      .get(path)
      ?.toString("utf8")
      .replace(/\r?\n$/, "");
  }

  clientKey(value: Node, path: string): TokenSourceOptions["key"] | undefined {
    try {
      if ("jwk" in value) {
        const text = this.#resolved.bytes.get(`${path}.jwk`)?.toString("utf8");
        const { kid } = value as { kid?: string };
        return { jwk: text ?? (value["jwk"] as Node), ...(kid === undefined ? {} : { kid }) };
      }
      const { kid, alg } = value as { kid: string; alg: "PS256" };
      const passphrase = this.text(value["passphrase"], `${path}.passphrase`);
      if ("pem" in value) {
        const pem = this.text(value["pem"], `${path}.pem`) ?? "";
        // Opened here, so that a wrong passphrase is told with the other faults.
        createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) });
        return { pem, kid, alg, ...(passphrase === undefined ? {} : { passphrase }) };
      }
      if (typeof value["store"] === "string")
        return storedClientKey(
          createFileKeyStore(resolve(this.#folder, value["store"]), passphrase === undefined ? {} : { passphrase }),
        );
      if (!("pkcs12" in value)) return value;
      const [identity] = this.#pkcs12(`${path}.pkcs12`, passphrase);
      if (identity === undefined || !isKeyObject(identity.key)) throw new TypeError("no key");
      return { pem: identity.key.export({ type: "pkcs8", format: "pem" }) as string, kid, alg };
    } catch (error) {
      this.#keyFault(path, error);
      return undefined;
    }
  }

  identity(value: unknown, path: string, usage: "nonRepudiation" | "keyEncipherment"): Identity | undefined {
    const node = value as Node;
    // An identity that a module made.
    if (typeof node["certificate"] === "object" && "key" in node) return value as Identity;
    try {
      const passphrase = this.text(node["passphrase"], `${path}.passphrase`);
      const password = passphrase === undefined ? {} : { password: passphrase };
      if ("pkcs12" in node) {
        const found = this.#pkcs12(`${path}.pkcs12`, passphrase);
        const [only] = found;
        if (found.length === 1 && only !== undefined) return only;
        const pkcs12 = this.#resolved.bytes.get(`${path}.pkcs12`) ?? Buffer.alloc(0);
        return loadIdentity({ pkcs12, ...password }, { usage });
      }
      const pem = this.text(node["pem"], `${path}.pem`) ?? "";
      const certificate = this.text(node["certificate"], `${path}.certificate`) ?? "";
      const [identity] = loadIdentities({ pem: `${pem}\n${certificate}\n`, ...password });
      return identity;
    } catch (error) {
      this.#keyFault(path, error);
      return undefined;
    }
  }

  /** Opens the journal; the caller closes it. */
  async journal(value: unknown, path: string, signal: AbortSignal | undefined): Promise<Journal | undefined> {
    const node = value as Node;
    const options = signal === undefined ? {} : { signal };
    if (typeof node["sqlite"] === "string")
      return openJournal({ store: sqliteStore({ file: resolve(this.#folder, node["sqlite"]) }), ...options });
    if (!("postgres" in node)) return value as Journal;
    return openPostgres(
      this.text(node["postgres"], `${path}.postgres`) ?? "",
      node["schema"] as string | undefined,
      signal,
    );
  }

  #pkcs12(path: string, passphrase: string | undefined): Identity[] {
    const pkcs12 = this.#resolved.bytes.get(path) ?? Buffer.alloc(0);
    return loadIdentities({ pkcs12, ...(passphrase === undefined ? {} : { password: passphrase }) });
  }

  #keyFault(path: string, error: unknown): void {
    // Messages of our own quote no key; those of the runtime are not shown.
    const found =
      error instanceof HelsekontaktError
        ? (error as HelsekontaktError).message.replace(/^\[[^\]]*\] /, "")
        : "one that cannot be opened";
    this.faults.push({
      path,
      expected: `a private key, found: ${found}`,
      hint: "check the file, and passphrase where it is encrypted",
    });
  }
}

/** `pg` is the application's own dependency: only who uses PostgreSQL needs it. */
async function openPostgres(
  url: string,
  schema: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Journal> {
  let pg: typeof import("pg");
  try {
    pg = await import("pg");
  } catch (original) {
    throw new HelsekontaktError("config/missing", "expected the package pg for a journal in PostgreSQL, found none", {
      hint: "npm install pg",
      original,
    });
  }
  const { postgresStore } = await import("@helsekontakt/journal/postgres");
  const pool = new pg.default.Pool({ connectionString: url, max: 8 });
  try {
    const store = postgresStore({ pool, ...(schema === undefined ? {} : { schema }) });
    const journal = await openJournal({ store, ...(signal === undefined ? {} : { signal }) });
    return {
      ...journal,
      async close() {
        await journal.close();
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}
