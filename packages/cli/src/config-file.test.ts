import type { KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Personal } from "@helsekontakt/core";
import { openJournal, sqliteStore } from "@helsekontakt/journal";
import { startSandbox, writeIdentities } from "@helsekontakt/sandbox";
import { createHelsekontakt, type HelsekontaktConfig } from "@helsekontakt/sdk";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scratch } from "./_run.ts";
import type { z } from "zod";
import { configJsonSchema, type configSchema } from "./config/schema.ts";
import { nearest } from "./config/faults.ts";
import { loadConfig, loadConfigWithSources } from "./config-file.ts";
import type { CliIo } from "./io.ts";

const io: CliIo = { out: () => undefined, err: () => undefined };
const place = scratch();
const secretText = "s3cret-of-nobody";

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
beforeAll(async () => {
  sandbox = await startSandbox({ citizens: 20 });
  await writeIdentities(sandbox.identities, place("ids"));
  writeFileSync(place("jwk.json"), JSON.stringify(sandbox.client.jwk));
});
afterAll(() => sandbox.close());

function good(): Record<string, unknown> {
  const { organisation, helsenorge, rest, registry, helseid } = sandbox.config;
  const identity = (use: string): object => ({
    pem: { file: `ids/provider-${use}.key.pem` },
    certificate: { file: `ids/provider-${use}.crt.pem` },
  });
  return {
    environment: "LOCAL",
    organisation,
    helsenorge,
    helseid: { issuer: helseid.issuer, clientId: helseid.clientId, key: { jwk: { file: "jwk.json" } } },
    rest,
    registry,
    amqp: { url: { env: "BROKER_URL" } },
    keys: { signing: identity("signing"), decryption: [identity("encryption")] },
    journal: { sqlite: "journal.sqlite" },
  };
}

function write(name: string, content: unknown): string {
  writeFileSync(place(name), typeof content === "string" ? content : JSON.stringify(content));
  return place(name);
}

const env = (): Record<string, string> => ({ BROKER_URL: sandbox.config.amqp.url });

/** The paths of all faults, and the whole text, of a file that is refused. */
async function refused(
  file: string,
  variables: Record<string, string> = env(),
): Promise<{ paths: unknown; text: string }> {
  const error = await loadConfig(file, io, { env: variables }).then(
    () => undefined,
    (e: unknown) => e as { code: string; message: string; hint: string; context: { paths?: unknown } },
  );
  expect(error?.code).toBe("config/invalid");
  return { paths: error?.context.paths, text: `${error?.message} ${error?.hint}` };
}

describe("a configuration file", () => {
  it("gives a configuration that works, with secrets from files and variables and an opened journal", async () => {
    const config = await loadConfig(write("good.json", good()), io, { env: env(), journal: true });
    try {
      const client = createHelsekontakt(config);
      await client.start();
      await client.stop();
    } finally {
      await config.journal?.close();
    }
  });

  it("tells where each secret came from, and opens no journal unasked", async () => {
    const loaded = await loadConfigWithSources(write("sources.json", good()), io, { env: env() });
    expect(loaded.sources.get("amqp.url")).toBe("env BROKER_URL");
    expect(loaded.sources.get("helseid.key.jwk")).toBe("file jwk.json");
    expect(loaded.config.journal).toBeUndefined();
    expect(loaded.journal).toBe("sqlite");
  });

  it.each([
    ["raw bytes", (k: Buffer) => k],
    ["base64", (k: Buffer) => `${k.toString("base64")}\n`],
    ["base64url", (k: Buffer) => k.toString("base64url")],
    ["hex", (k: Buffer) => `${k.toString("hex")}\n`],
  ] as const)("encrypts the journal with a key from a file of %s", async (form, write32) => {
    const key = Buffer.alloc(32, 0xe7);
    const name = form.replace(" ", "-");
    writeFileSync(place(`key-${name}`), write32(key));
    const sqlite = `encrypted-${name}.sqlite`;
    const file = write("encrypted.json", {
      ...good(),
      journal: { sqlite, encryptionKey: { file: `key-${name}` } },
    });
    const config = await loadConfig(file, io, { env: env(), journal: true });
    const person = { person: new Personal("30816912345"), organisation: "999999999" };
    await config.journal?.members.upsert(person);
    await config.journal?.close();
    const other = await openJournal({ store: sqliteStore({ file: place(sqlite) }), key: { id: "1", secret: key } });
    try {
      expect((await other.members.find(person.person)).length).toBe(1);
    } finally {
      await other.close();
    }
    const bytes = readdirSync(place(".")).filter((f) => f.startsWith(sqlite));
    expect(bytes.length).toBeGreaterThan(0);
    for (const part of bytes) expect(readFileSync(place(part)).includes("30816912345")).toBe(false);
  });

  it("takes older keys of the journal with their ids, and tells where each came from", async () => {
    const secrets = { NEW: Buffer.alloc(32, 1).toString("base64"), OLD: Buffer.alloc(32, 2).toString("hex") };
    const encryptionKey = {
      id: "2026",
      secret: { env: "NEW" },
      previous: [{ id: "2025", secret: { env: "OLD" } }],
    };
    const file = write("older.json", { ...good(), journal: { sqlite: "older.sqlite", encryptionKey } });
    const loaded = await loadConfigWithSources(file, io, { env: { ...env(), ...secrets }, journal: true });
    await loaded.config.journal?.close();
    expect(loaded.journalEncrypted).toBe(true);
    expect(loaded.sources.get("journal.encryptionKey.previous[0].secret")).toBe("env OLD");
    const twice = { ...encryptionKey, previous: [{ id: "2026", secret: { env: "OLD" } }] };
    const same = write("same.json", { ...good(), journal: { sqlite: "older.sqlite", encryptionKey: twice } });
    expect((await refused(same, { ...env(), ...secrets })).paths).toEqual(["journal.encryptionKey.previous"]);
  });

  it.each([
    ["a password of 32 characters", "correct horse battery staple 123"],
    ["too few bytes", "c2hvcnQ="],
  ])("refuses %s as the journal's key, without showing it", async (_, text) => {
    const journal = { sqlite: "never.sqlite", encryptionKey: { env: "KEY" } };
    const { paths, text: told } = await refused(write("weak.json", { ...good(), journal }), { ...env(), KEY: text });
    expect(paths).toEqual(["journal.encryptionKey"]);
    expect(told).not.toContain(text);
    expect(existsSync(place("never.sqlite"))).toBe(false);
  });

  it("takes no key that stands in the file itself", async () => {
    const inside = Buffer.alloc(32, 3).toString("base64");
    const journal = { sqlite: "never.sqlite", encryptionKey: inside };
    const { paths, text } = await refused(write("inside.json", { ...good(), journal }));
    expect(paths).toEqual(["journal.encryptionKey"]);
    expect(text).not.toContain(inside);
  });

  it("reads how calls travel, with a proxy from a variable and authorities from files", async () => {
    const rest = {
      ...(good()["rest"] as object),
      transport: { deadlineMs: 60_000, retry: { tries: 2 }, breaker: false, concurrency: { max: 8 } },
      network: { proxy: { env: "PROXY" }, ca: [{ file: "ids/provider-signing.crt.pem" }], connections: 4 },
    };
    const variables = { ...env(), PROXY: "http://user:pass@127.0.0.1:3128" };
    const config = await loadConfig(write("travel.json", { ...good(), rest }), io, { env: variables });
    expect(config.rest?.transport).toEqual(rest.transport);
    expect(config.rest?.network?.proxy).toBe(variables.PROXY);
    expect(config.rest?.network?.ca?.[0]).toContain("BEGIN CERTIFICATE");
    const wrong = write("travel.json", { ...good(), rest: { ...rest, transport: { retry: { tries: 0 } } } });
    expect((await refused(wrong, variables)).paths).toEqual(["rest.transport.retry.tries"]);
  });

  it("reports all faults at once: unknown names with the nearest, missing files and variables, wrong values", async () => {
    const { organisation, ...rest } = good();
    const content = {
      ...rest,
      organization: organisation,
      helseid: { clientID: "x", key: { jwk: { file: "absent.json" } } },
      rest: { timeoutMs: "15000" },
      medlemstjenester: { bundleTyp: "batch" },
      journal: { sqllite: "x" },
      keys: { signing: { pem: secretText }, decryption: [] },
    };
    const { paths, text } = await refused(write("bad.json", content), {});
    expect(paths).toEqual(
      expect.arrayContaining([
        "organization",
        "organisation",
        "helseid.clientID",
        "helseid.clientId",
        "helseid.key.jwk",
        "amqp.url",
        "rest.timeoutMs",
        "medlemstjenester.bundleTyp",
        "journal.sqllite",
        "keys.decryption",
      ]),
    );
    expect(text).toContain("did you mean organisation?");
    expect(text).toContain("did you mean clientId?");
    expect(text).toContain("did you mean bundleType?");
    expect(text).toContain("BROKER_URL");
    expect(text).not.toContain(secretText);
  });

  it("shows no part of a secret when a key, a passphrase or the JSON itself is wrong", async () => {
    mkdirSync(place("odd"), { recursive: true });
    const keyed = { ...good(), helseid: { clientId: "x", key: { pem: secretText, kid: "1", alg: "PS256" } } };
    expect((await refused(write("key.json", keyed))).paths).toEqual(["helseid.key"]);
    expect((await refused(write("key.json", keyed))).text).not.toContain(secretText);
    const broken = await refused(write("broken.json", `{"amqp": {"password": "${secretText}" oops`));
    expect(broken.text).not.toContain(secretText);
  });

  it("opens encrypted PEM with its passphrase, and refuses another one without showing it", async () => {
    const { key } = sandbox.identities.provider.signing;
    const pem = (key as KeyObject).export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase: secretText,
    });
    writeFileSync(place("encrypted.pem"), pem);
    const { helseid, keys } = good() as { helseid: object; keys: { signing: object; decryption: object[] } };
    const passphrase = { env: "WORD" };
    const content = {
      ...good(),
      helseid: { ...helseid, key: { pem: { file: "encrypted.pem" }, kid: "1", alg: "PS256", passphrase } },
      keys: { ...keys, signing: { ...keys.signing, pem: { file: "encrypted.pem" }, passphrase } },
    };
    const file = write("encrypted.json", content);
    const config = await loadConfig(file, io, { env: { ...env(), WORD: secretText } });
    expect(config.keys?.signing.certificate.subject).toBe(sandbox.identities.provider.signing.certificate.subject);
    const { paths, text } = await refused(file, { ...env(), WORD: "other-word" });
    expect(paths).toEqual(["helseid.key", "keys.signing"]);
    expect(text).not.toContain("other-word");
  });

  it("may be a module with what JSON cannot hold", async () => {
    const { amqp: _amqp, ...rest } = good();
    const file = write(
      "config.mjs",
      `export default async () => ({ ...${JSON.stringify(rest)}, amqp: { username: "u", password: async () => "p", url: "amqp://127.0.0.1:1/X" } });`,
    );
    const config = await loadConfig(file, io, { env: {} });
    expect(typeof config.amqp?.password).toBe("function");
    await refused(write("throws.mjs", "throw new Error('x');"));
  });

  it("never throws anything but our errors, whatever JSON it is", async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ maxDepth: 4 }), async (text) => {
        await loadConfig(write("any.json", text), io, { env: {} }).then(
          () => expect.unreachable(),
          (e: { code: string }) => expect(e.code).toBe("config/invalid"),
        );
      }),
      { numRuns: 50 },
    );
  });
});

type File = z.infer<ReturnType<typeof configSchema>>;
type Keys<T, Name extends PropertyKey> = keyof NonNullable<Extract<T, object>[Name & keyof T]>;
/** `true` where both sides have the same names; else the names that one of them lacks, which does not compile. */
type Same<A, B> = [Exclude<A, B> | Exclude<B, A>] extends [never] ? true : Exclude<A, B> | Exclude<B, A>;

describe("the schema", () => {
  it("has the names of the SDK's configuration, and no others", () => {
    const same: {
      readonly top: Same<Exclude<keyof File, "$schema">, keyof HelsekontaktConfig>;
      readonly organisation: Same<Keys<File, "organisation">, Keys<HelsekontaktConfig, "organisation">>;
      readonly helseid: Same<Keys<File, "helseid">, Keys<HelsekontaktConfig, "helseid">>;
      readonly rest: Same<Keys<File, "rest">, Keys<HelsekontaktConfig, "rest">>;
      readonly amqp: Same<Keys<File, "amqp">, Keys<HelsekontaktConfig, "amqp">>;
      readonly registry: Same<Keys<File, "registry">, Keys<HelsekontaktConfig, "registry">>;
      readonly keys: Same<Keys<File, "keys">, Keys<HelsekontaktConfig, "keys">>;
    } = { top: true, organisation: true, helseid: true, rest: true, amqp: true, registry: true, keys: true };
    // The compiler has judged; what runs is that the JSON Schema has the same names at the top.
    expect(Object.values(same)).not.toContain(false);
    const { properties } = configJsonSchema() as { properties: object };
    for (const name of ["environment", "organisation", "helsenorge", "helseid", "rest", "amqp", "keys", "journal"])
      expect(properties).toHaveProperty(name);
  });
});

describe("the nearest name", () => {
  it("is found for one changed character and not for another word", () => {
    const known = ["clientId", "issuer", "binding", "key"];
    for (const name of known.filter((k) => k.length > 3)) expect(nearest(name.slice(1), known)).toBe(name);
    expect(nearest("somethingElse", known)).toBeUndefined();
  });
});
