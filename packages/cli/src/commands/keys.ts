import { resolve } from "node:path";
import { type Clock, HelsekontaktError, systemClock } from "@helsekontakt/core";
import {
  activeKeyExpiry,
  createFileKeyStore,
  createKeyRotation,
  type KeyFacts,
  type KeyRotation,
  type KeyStore,
  type PrivateJwk,
  type SigningAlgorithm,
} from "@helsekontakt/helseid";
import { createSelvbetjeningClient } from "@helsekontakt/rest-client";
import { environments, type HelsekontaktConfig } from "@helsekontakt/sdk";
import { loadConfig } from "../config-file.ts";
import { readInput } from "../files.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";

export interface KeysCommandOptions {
  readonly config: string;
  readonly store: string;
  readonly passphraseFile?: string;
  readonly selfServiceUrl?: string;
  readonly alg?: SigningAlgorithm;
  /** Days. */
  readonly within?: string;
  readonly offline?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const day = 24 * 60 * 60 * 1000;
const defaultDays = 30;

/**
 * `helsekontakt keys list`: the keys of the store beside those that HelseID lists.
 *
 * @returns 1 when the active key is missing at HelseID, or expires within `--within` days.
 * @throws {HelsekontaktError} `config/*`, `auth/*`, `rest/*`
 */
export async function listKeys(options: KeysCommandOptions, io: CliIo): Promise<ExitCode> {
  const { rotation, store, signal, end } = await open(options, io);
  try {
    const keys = await rotation.list({ remote: options.offline !== true, signal });
    const active = keys.find((k) => k.state === "active");
    const due = (await activeKeyExpiry(store, { warnMs: days(options) }))?.due === true;
    const findings = [
      ...(active === undefined ? ["no active key"] : []),
      ...(active?.listed === false ? ["HelseID does not list the active key"] : []),
      ...(due ? ["the active key expires soon, or has expired"] : []),
    ];
    if (options.json === true) printJson(io, { keys: keys.map(readable), findings });
    else io.out(`${[...keys.map(line), ...findings.map((f) => `! ${f}`)].join("\n") || "No keys"}\n`);
    return findings.length > 0 ? 1 : 0;
  } finally {
    end();
  }
}

/**
 * `helsekontakt keys new`: makes and stores the next key, and prints its public part for registration by hand.
 *
 * @throws {HelsekontaktError} `config/*`, `auth/key-store`
 */
export async function newKey(options: KeysCommandOptions, io: CliIo): Promise<ExitCode> {
  const { rotation, store, end } = await open(options, io);
  try {
    if (options.dryRun === true) {
      const waiting = (await store.load()).keys.some((k) => k.state === "created" || k.state === "registered");
      const would = waiting ? "show the key that waits" : `make and store a key for ${options.alg ?? "PS256"}`;
      if (options.json === true) printJson(io, { dryRun: true, would });
      else io.out(`Would ${would}\n`);
      return 0;
    }
    const key = await rotation.prepare();
    if (options.json === true) printJson(io, { publicJwk: key });
    else {
      io.err(`Stored. Register this public key in Selvbetjening, then run: helsekontakt keys rotate\n`);
      io.out(`${JSON.stringify(key, undefined, 2)}\n`);
    }
    return 0;
  } finally {
    end();
  }
}

/**
 * `helsekontakt keys rotate`: the next key takes over; goes on where an earlier run stopped. With `--within`, only when
 * the active key expires in that many days or a rotation was begun: for a schedule.
 *
 * @throws {HelsekontaktError} `config/*`, `auth/*`, `rest/*`, `abort/cancelled`
 */
export async function rotateKeys(options: KeysCommandOptions, io: CliIo): Promise<ExitCode> {
  const { rotation, store, config, signal, end } = await open(options, io);
  try {
    const before = (await store.load()).keys;
    const pending = before.find((k) => k.state === "created" || k.state === "registered");
    const active = before.find((k) => k.state === "active");
    const adopts = active === undefined ? adoptable(config) : undefined;
    if (options.dryRun === true)
      return dryRun(options, io, { adopts: adopts !== undefined, pending: pending?.kid, active: active?.kid });
    if (adopts !== undefined) await rotation.adopt(adopts);
    if (options.within !== undefined && pending === undefined) {
      await rotation.list({ remote: true, signal });
      const expiry = await activeKeyExpiry(store, { warnMs: days(options) });
      if (expiry?.due !== true) {
        const leftDays = expiry === undefined ? null : Math.floor(expiry.leftMs / day);
        if (options.json === true) printJson(io, { rotated: false, leftDays });
        else
          io.out(`Not due: the active key ${leftDays === null ? "has no known expiry" : `lasts ${leftDays} days`}\n`);
        return 0;
      }
    }
    const report = await rotation.rotate({ signal });
    if (options.json === true) printJson(io, { rotated: true, ...report });
    else
      io.out(
        `${report.resumed ? "Went on with" : "Rotated to"} ${report.active}\n${
          report.previous === undefined ? "" : `Before      ${report.previous}, kept here for a day\n`
        }${report.forgotten.map((kid) => `Forgotten   ${kid}\n`).join("")}`,
      );
    return 0;
  } finally {
    end();
  }
}

function dryRun(
  options: KeysCommandOptions,
  io: CliIo,
  facts: { readonly adopts: boolean; readonly pending: string | undefined; readonly active: string | undefined },
): ExitCode {
  const steps = [
    ...(facts.adopts ? ["adopt the configuration's key"] : []),
    facts.pending === undefined ? "make and store a key" : `go on with ${facts.pending}`,
    ...(facts.active === undefined && !facts.adopts ? [] : ["register it at HelseID unless it is listed"]),
    "verify it with a token",
    "switch to it",
  ];
  if (options.json === true) printJson(io, { dryRun: true, steps });
  else io.out(`Would\n${steps.map((s) => `  ${s}`).join("\n")}\n`);
  return 0;
}

interface Opened {
  readonly config: HelsekontaktConfig;
  readonly rotation: KeyRotation;
  readonly store: KeyStore;
  readonly signal: AbortSignal;
  end(): void;
}

async function open(options: KeysCommandOptions, io: CliIo, clock: Clock = systemClock): Promise<Opened> {
  days(options);
  const config = await loadConfig(options.config, io);
  const preset: { readonly helseidIssuer?: string; readonly selfServiceBaseUrl?: string } =
    environments[config.environment];
  const issuer = config.helseid?.issuer ?? preset.helseidIssuer;
  const baseUrl = options.selfServiceUrl ?? config.helseid?.selfServiceBaseUrl ?? preset.selfServiceBaseUrl;
  if (config.helseid === undefined || issuer === undefined)
    throw missing("helseid", "set helseid.clientId and helseid.issuer");
  if (baseUrl === undefined)
    throw missing(
      "self-service address",
      "give --self-service-url, or helseid.selfServiceBaseUrl in the configuration",
    );
  const passphrase =
    options.passphraseFile === undefined
      ? undefined
      : (await readInput(options.passphraseFile, 4_096)).toString("utf8").replace(/\r?\n$/, "");
  const store = createFileKeyStore(resolve(options.store), passphrase === undefined ? {} : { passphrase });
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const rotation = createKeyRotation({
    store,
    clock,
    registry: (fetch) => createSelvbetjeningClient({ baseUrl, fetch }),
    source: { issuer, clientId: config.helseid.clientId, allowInsecureLoopback: config.environment === "LOCAL" },
    ...(options.alg === undefined ? {} : { algorithm: options.alg }),
  });
  return {
    config,
    rotation,
    store,
    signal: controller.signal,
    end() {
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
    },
  };
}

/** The configuration's own key, when it is a JWK that the store can take over. */
function adoptable(config: HelsekontaktConfig): PrivateJwk | undefined {
  const key: unknown = config.helseid?.key;
  if (typeof key !== "object" || key === null || !("jwk" in key)) return undefined;
  const { jwk, kid } = key as { jwk: string | PrivateJwk; kid?: string };
  const parsed = typeof jwk === "string" ? (JSON.parse(jwk) as PrivateJwk) : jwk;
  return kid === undefined ? parsed : { ...parsed, kid };
}

function days(options: KeysCommandOptions): number {
  const value = options.within === undefined ? defaultDays : Number(options.within);
  if (Number.isFinite(value) && value >= 0) return value * day;
  throw new HelsekontaktError("input/invalid", "expected --within as a number of days, found another text");
}

function missing(what: string, hint: string): HelsekontaktError {
  return new HelsekontaktError("config/missing", `expected a ${what}, found none`, { hint });
}

function readable(key: KeyFacts): object {
  const time = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
  return {
    ...key,
    alg: key.alg ?? null,
    listed: key.listed ?? null,
    createdAt: time(key.createdAt),
    expiresAt: time(key.expiresAt),
  };
}

function line(key: KeyFacts): string {
  const expiry = key.expiresAt === undefined ? "no known expiry" : `until ${new Date(key.expiresAt).toISOString()}`;
  const listed = key.listed === undefined ? "" : key.listed ? ", listed" : ", NOT listed";
  return `${key.state.padEnd(10)} ${key.kid} ${(key.alg ?? "").padEnd(5)} ${expiry}${listed}`;
}
