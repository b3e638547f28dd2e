import { dirname, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Identity } from "@helsekontakt/amqp-messaging/protection";
import { HelsekontaktError } from "@helsekontakt/core";
import { type ConfigFault, findConfigFaults, type HelsekontaktConfig } from "@helsekontakt/sdk";
import { Builder } from "./config/build.ts";
import { faultsOf } from "./config/faults.ts";
import { isPlain, readReferences, type Source } from "./config/references.ts";
import { configJsonSchema, configSchema } from "./config/schema.ts";
import { readInput } from "./files.ts";
import type { CliIo } from "./io.ts";

/** How to read a configuration file. */
export interface LoadConfigOptions {
  /** Open the journal that the file names; the caller closes `config.journal`. Default false: it is left out. */
  readonly journal?: boolean;
  /** Where `{ "env": NAME }` is looked up. Default: the process's variables, of which no other is read. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

/** A configuration with the origin of each value that did not stand in the file itself. */
export interface LoadedConfig {
  readonly config: HelsekontaktConfig;
  /** By dotted path: another file, or an environment variable. */
  readonly sources: ReadonlyMap<string, Source>;
  /** What the file says of the journal, whether or not it was opened. */
  readonly journal: "sqlite" | "postgres" | "opened" | undefined;
  /** The file names a key for what the journal stores. */
  readonly journalEncrypted: boolean;
}

/**
 * Reads a configuration: JSON, or a module (`.mjs`, `.js`, `.ts`, `.mts`) whose default export is the configuration or
 * a function that gives it. Secrets may be `{ "file": path }` or `{ "env": name }`; nothing else is read from the
 * environment.
 *
 * @throws {HelsekontaktError} `config/invalid` with all faults at once, each with path, expectation and next step;
 *   `input/invalid` when the file cannot be read; `journal/*`, `config/missing` when the journal cannot be opened
 */
export async function loadConfig(
  path: string,
  io: CliIo,
  options: LoadConfigOptions = {},
): Promise<HelsekontaktConfig> {
  return (await loadConfigWithSources(path, io, options)).config;
}

/** As {@link loadConfig}, with the origin of each value. */
export async function loadConfigWithSources(
  path: string,
  _io: CliIo,
  options: LoadConfigOptions = {},
): Promise<LoadedConfig> {
  const module = /^\.(?:mjs|js|ts|mts)$/.test(extname(path));
  const raw = module ? await readModule(path) : await readJson(path);
  if (!isPlain(raw))
    throw invalid(path, [{ path: "", expected: "one object", hint: "config.schema.json states its form" }]);
  const folder = dirname(resolve(path));
  const resolved = await readReferences(raw, folder, options.env ?? process.env);
  const checked = configSchema(module).safeParse(raw, { reportInput: true });
  const shape = checked.success ? [] : faultsOf(checked.error.issues, configJsonSchema());
  const builder = new Builder(resolved, folder);
  const config = build(raw as unknown as RawConfig, builder, [...shape, ...resolved.faults]);
  const faults = unique([...shape, ...resolved.faults, ...builder.faults, ...safeFaults(config)]);
  if (faults.length > 0) throw invalid(path, faults);
  const { journal } = raw;
  const opened =
    options.journal === true && journal !== undefined
      ? await builder.journal(journal, "journal", options.signal)
      : undefined;
  return {
    config: opened === undefined ? config : { ...config, journal: opened },
    sources: resolved.sources,
    journal: isPlain(journal)
      ? "sqlite" in journal
        ? "sqlite"
        : "postgres" in journal
          ? "postgres"
          : "opened"
      : undefined,
    journalEncrypted: isPlain(journal) && journal["encryptionKey"] !== undefined,
  };
}

type Part = Readonly<Record<string, unknown>>;
type RawConfig = Readonly<Record<"helseid" | "amqp" | "keys" | "registry" | "rest", Part | undefined>> & Part;

/** The SDK's own form. A part that has faults already is left as it is: its faults are told once. */
function build(raw: RawConfig, builder: Builder, known: readonly ConfigFault[]): HelsekontaktConfig {
  const sound = (path: string): boolean => !known.some((f) => within(f.path, path));
  const { $schema: _schema, journal, ...rest } = raw;
  const { helseid, amqp, keys, registry, rest: calls } = raw;
  const made: Record<string, unknown> = { ...rest };
  if (isPlain(helseid) && isPlain(helseid["key"]) && sound("helseid.key"))
    made["helseid"] = { ...helseid, key: builder.clientKey(helseid["key"], "helseid.key") };
  if (isPlain(amqp)) {
    const { url, password, tls, ...others } = amqp;
    made["amqp"] = {
      ...others,
      ...(isPlain(tls) && sound("amqp.tls") ? { tls: builder.tls(tls, "amqp.tls") } : {}),
      ...(url === undefined || !sound("amqp.url") ? {} : { url: builder.text(url, "amqp.url") }),
      ...(password === undefined || !sound("amqp.password")
        ? {}
        : { password: typeof password === "function" ? password : builder.text(password, "amqp.password") }),
    };
  }
  const soap = isPlain(registry) ? registry["soap"] : undefined;
  if (isPlain(soap) && sound("registry.soap.password")) {
    const { password } = soap;
    const read = typeof password === "function" ? password : builder.text(password, "registry.soap.password");
    made["registry"] = { ...registry, soap: { ...soap, password: read } };
  }
  const network = isPlain(calls) ? calls["network"] : undefined;
  if (isPlain(network) && sound("rest.network")) {
    const proxy = builder.text(network["proxy"], "rest.network.proxy");
    const ca = builder.texts(network["ca"], "rest.network.ca");
    const read = { ...(proxy === undefined ? {} : { proxy }), ...(ca === undefined ? {} : { ca }) };
    made["rest"] = { ...calls, network: { ...network, ...read } };
  }
  // Judged whether or not the journal is opened.
  if (isPlain(journal) && journal["encryptionKey"] !== undefined && sound("journal"))
    builder.journalKey(journal["encryptionKey"], "journal.encryptionKey");
  if (isPlain(keys) && sound("keys")) {
    const decryption = (keys["decryption"] as readonly unknown[]).map((k, i) =>
      builder.identity(k, `keys.decryption[${i}]`, "keyEncipherment"),
    );
    made["keys"] = {
      signing: builder.identity(keys["signing"], "keys.signing", "nonRepudiation") as Identity,
      decryption: decryption.filter((k) => k !== undefined),
    };
  }
  return made as unknown as HelsekontaktConfig;
}

/** The SDK's own rules; a shape that they cannot even look at has its faults from the schema. */
function safeFaults(config: HelsekontaktConfig): ConfigFault[] {
  try {
    return findConfigFaults(config);
  } catch {
    return [];
  }
}

/** One fault a place: what is said first of a path also covers what lies in it. */
function unique(faults: readonly ConfigFault[]): ConfigFault[] {
  const kept: ConfigFault[] = [];
  for (const fault of faults)
    if (!kept.some((k) => within(fault.path, k.path) || within(k.path, fault.path))) kept.push(fault);
  return kept;
}

function within(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}.`) || path.startsWith(`${outer}[`);
}

const faultsOfError = new WeakMap<object, readonly ConfigFault[]>();

/** The faults that {@link loadConfig} found, of the error that it threw; none for another error. */
export function configFaultsOf(error: unknown): readonly ConfigFault[] {
  return typeof error === "object" && error !== null ? (faultsOfError.get(error) ?? []) : [];
}

function invalid(file: string, faults: readonly ConfigFault[]): HelsekontaktError {
  const lines = faults.map((f) => `\n  ${f.path === "" ? "(whole)" : f.path}: expected ${f.expected}; ${f.hint}`);
  const error = new HelsekontaktError(
    "config/invalid",
    `expected a usable configuration in ${file}, found ${faults.length} fault(s):${lines.join("")}`,
    {
      context: { paths: faults.map((f) => f.path) },
      hint: "mend every path named; the values themselves are never shown",
    },
  );
  faultsOfError.set(error, faults);
  return error;
}

async function readJson(path: string): Promise<unknown> {
  const text = (await readInput(path, 4 * 1024 * 1024)).toString("utf8").replace(/^\uFEFF/, "");
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // The parser's message quotes what it stumbled over, which may be a secret; its place alone is safe.
    const place = /position (\d+)/.exec((error as Error).message)?.[1];
    const line = place === undefined ? undefined : text.slice(0, Number(place)).split("\n").length;
    throw new HelsekontaktError(
      "config/invalid",
      `expected JSON in ${path}, found a text that is none${line === undefined ? "" : ` (line ${line})`}`,
      { hint: "a configuration in TypeScript or JavaScript has the ending .ts or .mjs" },
    );
  }
}

async function readModule(path: string): Promise<unknown> {
  await readInput(path, 4 * 1024 * 1024);
  try {
    const module = (await import(pathToFileURL(resolve(path)).href)) as { readonly default?: unknown };
    const found = module.default;
    return typeof found === "function" ? await (found as () => unknown)() : found;
  } catch (error) {
    throw new HelsekontaktError("config/invalid", `expected a module that loads, found one that throws: ${path}`, {
      hint: "run it alone with node to see the fault; Node 22 takes TypeScript with --experimental-strip-types",
      original: error,
    });
  }
}
