import { createPrivateKey } from "node:crypto";
import { resolve } from "node:path";
import { type Identity, isKeyObject, loadIdentities, loadIdentity } from "@helsekontakt/amqp-messaging/protection";
import { HelsekontaktError } from "@helsekontakt/core";
import { createFileKeyStore, storedClientKey, type TokenSourceOptions } from "@helsekontakt/helseid";
import { type Journal, type JournalKey, type JournalKeys, openJournal, sqliteStore } from "@helsekontakt/journal";
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

  /** Authorities as PEM, each the text itself or a file of them. */
  texts(value: unknown, path: string): string | string[] | undefined {
    if (!Array.isArray(value)) return this.text(value, path);
    return value.flatMap((one, i) => this.text(one, `${path}[${i}]`) ?? []);
  }

  /** TLS to the broker: certificates and key are texts, or where they are. */
  tls(value: Readonly<Record<string, unknown>>, path: string): Record<string, unknown> {
    const { ca, cert, key, ...others } = value;
    const read = (name: string, one: unknown): object => {
      const text = name === "ca" ? this.texts(one, `${path}.ca`) : this.text(one, `${path}.${name}`);
      return text === undefined ? {} : { [name]: text };
    };
    return { ...others, ...read("ca", ca), ...read("cert", cert), ...read("key", key) };
  }

  /** The key of what the journal stores; undefined when there is none, or its fault has been told. */
  journalKey(value: unknown, path: string): JournalKeys | undefined {
    const node = value as Node;
    if (!("secret" in node)) return this.#oneKey("1", path);
    const read = (key: Node, at: string): JournalKey | undefined => this.#oneKey(key["id"] as string, `${at}.secret`);
    const current = read(node, path);
    const previous = ((node["previous"] ?? []) as Node[]).map((key, i) => read(key, `${path}.previous[${i}]`));
    const known = previous.filter((key) => key !== undefined);
    if (new Set([node["id"], ...known.map((k) => k.id)]).size !== known.length + 1)
      this.faults.push({ path: `${path}.previous`, expected: "an id of its own for every key", hint: "rows name it" });
    return current === undefined ? undefined : { ...current, ...(known.length === 0 ? {} : { previous: known }) };
  }

  #oneKey(id: string, path: string): JournalKey | undefined {
    const bytes = this.#resolved.bytes.get(path);
    // A reference that cannot be read has been told.
    if (bytes === undefined) return undefined;
    const secret = journalSecret(bytes);
    if (secret === undefined)
      this.faults.push({
        path,
        expected: "32 random bytes, raw or as base64 or hex, found something else",
        hint: "openssl rand -base64 32 makes one; keep it outside the database's own backup",
      });
    return secret === undefined ? undefined : { id, secret };
  }

  /** Opens the journal; the caller closes it. */
  async journal(value: unknown, path: string, signal: AbortSignal | undefined): Promise<Journal | undefined> {
    const node = value as Node;
    if (!("postgres" in node) && typeof node["sqlite"] !== "string") return value as Journal;
    const key =
      node["encryptionKey"] === undefined ? undefined : this.journalKey(node["encryptionKey"], `${path}.encryptionKey`);
    const options: OpenOptions = {
      ...(signal === undefined ? {} : { signal }),
      ...(key === undefined ? {} : { key }),
    };
    if (typeof node["sqlite"] === "string")
      return openJournal({ store: sqliteStore({ file: resolve(this.#folder, node["sqlite"]) }), ...options });
    return openPostgres(
      this.text(node["postgres"], `${path}.postgres`) ?? "",
      node["schema"] as string | undefined,
      options,
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

interface OpenOptions {
  readonly signal?: AbortSignal;
  readonly key?: JournalKeys;
}

/** 32 bytes, as they are or written as base64, base64url or hex. 32 characters that can be typed are a password, and no key. */
function journalSecret(bytes: Buffer): Uint8Array | undefined {
  const text = bytes.toString("latin1").trim();
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, "hex");
  if (/^[\w+/-]{43}=?$/.test(text)) return Buffer.from(text, "base64");
  return bytes.length === 32 && !/^[\s\x20-\x7e]*$/.test(bytes.toString("latin1")) ? bytes : undefined;
}

/** `pg` is the application's own dependency: only who uses PostgreSQL needs it. */
async function openPostgres(url: string, schema: string | undefined, options: OpenOptions): Promise<Journal> {
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
    const journal = await openJournal({ store, ...options });
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
