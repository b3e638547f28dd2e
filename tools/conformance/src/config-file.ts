import { execFileSync } from "node:child_process";
import type { KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSandbox } from "@helsekontakt/sandbox";
import type { Journal } from "@helsekontakt/journal";
import pg from "pg";
import { createTally } from "./_tally.ts";

// A configuration file with what unit tests have not: a journal in a real PostgreSQL (opened, looked at by the doctor, and
// let go of), and keys in PKCS#12 files that openssl made.

const url = process.env["HELSEKONTAKT_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432/test";
const schema = "config_file_check";
const word = "word-of-the-keys";
const tally = createTally();
const work = mkdtempSync(join(tmpdir(), "config-file-"));

interface Cli {
  readConfig(path: string, options: object): Promise<{ readonly journal?: Journal }>;
  main(argv: readonly string[]): Promise<number>;
}
const cli = (await import(new URL("../../../packages/cli/src/index.ts", import.meta.url).href)) as Cli;

/** Connections of others to this journal's schema. A server process ends a moment after its client has gone. */
async function connections(): Promise<number> {
  const query =
    "select count(*)::int as n from pg_stat_activity where pid <> pg_backend_pid() and query ilike $1 and datname = current_database()";
  for (let look = 0; ; look++) {
    const { rows } = await admin.query<{ n: number }>(query, [`%${schema}%`]);
    const n = rows[0]?.n ?? 0;
    if (n === 0 || look === 50) return n;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const admin = new pg.Client({ connectionString: url });
const sandbox = await startSandbox({ citizens: 10 });
try {
  await admin.connect();
  await admin.query(`drop schema if exists ${schema} cascade`);
  const { organisation, helsenorge, rest, registry, helseid } = sandbox.config;
  const file = join(work, "helsekontakt.json");
  const write = (journal: object, more: object = {}): void =>
    writeFileSync(
      file,
      JSON.stringify({
        environment: "LOCAL",
        organisation,
        helsenorge,
        rest,
        registry,
        helseid: { ...helseid, key: { jwk: helseid.key.jwk } },
        journal,
        ...more,
      }),
    );
  write({ postgres: { env: "JOURNAL_URL" }, schema });
  const env = { JOURNAL_URL: url };
  const { journal } = await cli.readConfig(file, { journal: true, env });
  tally.check(journal?.engine === "postgres", "the journal is in PostgreSQL");
  tally.check((await journal?.inbox.pending())?.length === 0, "the journal can be read");
  await journal?.close();
  tally.check((await connections()) === 0, "no connection stays after the journal is closed");
  process.env["JOURNAL_URL"] = url;
  tally.check(
    (await cli.main(["doctor", "--config", file, "--only", "journal"])) === 0,
    "the doctor finds the journal sound",
  );
  for (const use of ["signing", "encryption"] as const) {
    const { certificate, key } = sandbox.identities.provider[use];
    writeFileSync(join(work, "pem"), `${(key as KeyObject).export({ type: "pkcs8", format: "pem" })}${certificate}`);
    execFileSync("openssl", ["pkcs12", "-export", "-in", "pem", "-out", `${use}.p12`, "-passout", `pass:${word}`], {
      cwd: work,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  const pkcs12 = (use: string): object => ({ pkcs12: { file: `${use}.p12` }, passphrase: { env: "KEY_WORD" } });
  const keys = { signing: pkcs12("signing"), decryption: [pkcs12("encryption")] };
  write({ sqlite: "journal.sqlite" }, { keys });
  process.env["KEY_WORD"] = word;
  tally.check(
    (await cli.main(["doctor", "--config", file, "--only", "certificates"])) === 0,
    "keys in PKCS#12 are read, and are those of the registered certificates",
  );
  process.env["KEY_WORD"] = "another-word";
  const closed = await cli.readConfig(file, {}).then(
    () => "",
    (error: unknown) => (error as Error).message,
  );
  tally.check(
    closed.includes("keys.signing") && closed.includes("keys.decryption[0]") && !closed.includes("another-word"),
    "both keys are told when the passphrase is wrong, and the passphrase is not",
  );
  write({ postgres: "postgres://nobody:hidden-word@127.0.0.1:1/none" });
  const refused = await cli.readConfig(file, { journal: true }).then(
    () => "",
    (error: unknown) => JSON.stringify(error) + String((error as Error).message),
  );
  tally.check(
    refused.includes("journal/") && !refused.includes("hidden-word"),
    "a database that is not there is told without its password",
  );
} finally {
  await admin.query(`drop schema if exists ${schema} cascade`).catch(() => {});
  await admin.end();
  await sandbox.close();
  rmSync(work, { recursive: true, force: true });
}
tally.finish("config-file");
