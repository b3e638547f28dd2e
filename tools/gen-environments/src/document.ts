import { readFileSync } from "node:fs";
import { join } from "node:path";
import { GeneratorError, readManifest, readStrictJson, type SpecEntry, type StrictObject } from "@helsekontakt/codegen";

/** One address, with the document that states it. */
export interface Address {
  readonly setting: string;
  readonly value: string;
  readonly source: string;
  /** Why it is only inferred. */
  readonly inferred?: string;
}

export interface Environment {
  readonly name: string;
  readonly use: string;
  readonly production: boolean;
  readonly inferred?: string;
  readonly addresses: readonly Address[];
}

/** `specs/environments.json`, with the servers of the OpenAPI documents that it refers to. */
export interface EnvironmentsDocument {
  /** The document itself first, then the OpenAPI documents. */
  readonly specs: readonly SpecEntry[];
  readonly settings: readonly { readonly name: string; readonly text: string }[];
  readonly environments: readonly Environment[];
}

interface Server {
  readonly url: string;
  readonly "x-environment"?: string;
  readonly "x-security"?: string;
  readonly "x-inferred"?: string;
}

const addressKeys = ["setting", "value", "openapi", "environment", "security", "x-inferred"];
const environmentKeys = ["name", "use", "production", "rest", "restHelsenett", "hosts", "addresses", "x-inferred"];

/** The interface whose servers stand for the whole external API. */
const externalApi = "aktivsjekken";

/**
 * Reads and checks the document.
 *
 * @throws {GeneratorError} an unknown key, setting, host set or server, or a value that is no address
 */
export function readEnvironments(specsDir: string): EnvironmentsDocument {
  const manifest = readManifest(specsDir);
  const spec = manifest.find((d) => d.kind === "environments");
  if (spec === undefined)
    throw new GeneratorError("specs/manifest.json", undefined, "none", "a document of kind environments");
  const d = readStrictJson(join(specsDir, spec.path), `specs/${spec.path}`, [
    "title",
    "version",
    "settings",
    "hosts",
    "environments",
  ]);
  if (d.string("version") !== spec.version) d.fail("version", `the version in manifest.json, ${spec.version}`);
  const settings = d
    .objects("settings", ["name", "text"])
    .map((s) => ({ name: s.string("name"), text: s.string("text") }));
  const used = new Map<string, SpecEntry>();
  const server = (
    o: StrictObject,
    key: string,
    id: string,
    environment: string,
    security?: string,
  ): Omit<Address, "setting"> => {
    const entry = manifest.find((m) => m.kind === "openapi" && m.id === id);
    if (entry === undefined) return o.fail(key, "the id of an OpenAPI document");
    used.set(id, entry);
    const { servers } = JSON.parse(readFileSync(join(specsDir, entry.path), "utf8")) as { servers: readonly Server[] };
    const found = servers.find(
      (s) => s["x-environment"] === environment && (security === undefined || s["x-security"] === security),
    );
    if (found === undefined) return o.fail(key, `a server of ${id} for ${environment} ${security ?? ""}`.trim());
    const inferred = found["x-inferred"];
    return { value: found.url, source: `${id}#/servers`, ...(inferred === undefined ? {} : { inferred }) };
  };
  const address = (o: StrictObject, place: string): Address => {
    const setting = o.string("setting");
    if (!settings.some((s) => s.name === setting)) o.fail("setting", "a name in settings");
    if (o.has("openapi"))
      return {
        setting,
        ...server(o, "openapi", o.string("openapi"), o.string("environment"), o.optionalString("security")),
      };
    const value = o.string("value");
    const isUrl = /^https:\/\/[\w.-]+(?::\d+)?(?:\/[\w./-]*)?$/.test(value);
    if (setting.endsWith("Url") || setting.endsWith("Issuer") ? !isUrl : !/^[\w.-]+(?::\d+)?$/.test(value))
      o.fail("value", "an address over TLS, or a host or name");
    const inferred = o.optionalString("x-inferred");
    return { setting, value, source: `${spec.id}#${place}`, ...(inferred === undefined ? {} : { inferred }) };
  };
  const hosts = new Map(
    d.objects("hosts", ["name", "source", "addresses"]).map((h) => {
      h.strings("source");
      const name = h.string("name");
      return [name, h.objects("addresses", addressKeys).map((a) => address(a, `hosts/${name}`))];
    }),
  );
  const environments = d.objects("environments", environmentKeys).map((e): Environment => {
    const name = e.string("name");
    const inferred = e.optionalString("x-inferred");
    const rest = e.optionalString("rest");
    const helsenett = e.optionalString("restHelsenett");
    const set = e.optionalString("hosts");
    const shared = set === undefined ? [] : (hosts.get(set) ?? e.fail("hosts", "the name of a set in hosts"));
    return {
      name,
      use: e.string("use"),
      production: e.boolean("production"),
      ...(inferred === undefined ? {} : { inferred }),
      addresses: [
        ...(rest === undefined ? [] : [{ setting: "restBaseUrl", ...server(e, "rest", externalApi, rest) }]),
        ...(helsenett === undefined
          ? []
          : [{ setting: "restHelsenettBaseUrl", ...server(e, "restHelsenett", externalApi, helsenett) }]),
        // A mark on the environment covers all that it takes from elsewhere.
        ...shared.map((a) => (inferred === undefined ? a : { ...a, inferred: a.inferred ?? inferred })),
        ...e.objects("addresses", addressKeys).map((a) => address(a, `environments/${name}`)),
      ],
    };
  });
  const names = environments.map((e) => e.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) d.fail("environments", `one entry for ${twice}`);
  return { specs: [spec, ...used.values()], settings, environments };
}
