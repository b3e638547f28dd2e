import { HelsekontaktError } from "@helsekontakt/core";
import type { Bundle, BundleEntry } from "@helsekontakt/types/fhir";
import { settings } from "./gen/helsekontakter.ts";

type Settings = typeof settings;

/** The values of a setting: its list where the spec has one, any text else. */
type ValueOf<S> = S extends { readonly values: readonly (infer V)[] } ? V : string;

/**
 * What the service's description leaves open, by the names in the spec: type of the Bundles, media type, path per step,
 * system of D-numbers and of GUIDs, how things are withdrawn. Every default is inferred.
 *
 * @see specs/openapi/helsekontakter, x-settings
 */
export type HelsekontakterWire = { readonly [Name in keyof Settings]: ValueOf<Settings[Name]> };

/** One setting with what is known of it. */
export interface WireSetting {
  readonly name: keyof HelsekontakterWire;
  readonly value: string;
  readonly origin: "default" | "configuration";
  /** A configured value is the user's own; a default is `confirmed` only where the spec does not mark it. */
  readonly mark: "confirmed" | "inferred" | "configured";
  /** Why the default is only inferred. */
  readonly reason?: string;
  /** Values that it may have; absent where it is free text. */
  readonly values?: readonly string[];
}

/**
 * Fills in the defaults.
 *
 * @throws {HelsekontaktError} `config/invalid` with every unknown name and value at once
 */
export function resolveWire(given: Partial<HelsekontakterWire> = {}): HelsekontakterWire {
  const faults: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const setting = Object.hasOwn(settings, name) ? (settings[name as keyof Settings] as Setting) : undefined;
    if (setting === undefined) faults.push(`${name}: expected one of ${Object.keys(settings).join(", ")}`);
    else if (setting.values !== undefined && !setting.values.includes(value))
      faults.push(`${name}: expected ${setting.values.join(" or ")}`);
    else if (typeof value !== "string" || value === "") faults.push(`${name}: expected a text`);
    else if (name.endsWith("Path") && !/^\/[\w./~-]*$/.test(value))
      faults.push(`${name}: expected a path that begins with a slash`);
  }
  if (faults.length > 0)
    throw new HelsekontaktError("config/invalid", `expected settings of Medlemstjenester, found ${faults.join("; ")}`, {
      context: { faults: faults.length },
      hint: "specs/openapi/helsekontakter states names and values",
    });
  const filled = Object.entries(settings).map(([name, setting]) => [
    name,
    given[name as keyof HelsekontakterWire] ?? setting.default,
  ]);
  return Object.fromEntries(filled) as HelsekontakterWire;
}

interface Setting {
  readonly default: string;
  readonly values?: readonly string[];
  readonly inferred?: string;
}

/**
 * Every setting with its value, where that comes from and how far it is known, for people to see.
 *
 * @throws {HelsekontaktError} `config/invalid`
 */
export function describeWire(given: Partial<HelsekontakterWire> = {}): WireSetting[] {
  const wire = resolveWire(given);
  return (Object.entries(settings) as [keyof HelsekontakterWire, Setting][]).map(([name, { values, inferred }]) => {
    const configured = given[name] !== undefined;
    return {
      name,
      value: wire[name],
      origin: configured ? "configuration" : "default",
      mark: configured ? "configured" : inferred === undefined ? "confirmed" : "inferred",
      ...(inferred === undefined ? {} : { reason: inferred }),
      ...(values === undefined ? {} : { values }),
    };
  });
}

/**
 * A Bundle of the configured type. Entries of a batch or transaction get the request that FHIR demands of them (bdl-3),
 * those of a collection lose it.
 */
export function shapeBundle(bundle: Bundle, wire: Pick<HelsekontakterWire, "bundleType">): Bundle {
  const asked = wire.bundleType !== "collection";
  const entry = bundle.entry?.map(({ request, ...rest }): BundleEntry => {
    const type = rest.resource?.resourceType;
    if (!asked || type === undefined) return rest;
    return { ...rest, request: request ?? { method: "POST", url: type } };
  });
  return { ...bundle, type: wire.bundleType, ...(entry === undefined ? {} : { entry }) };
}

/** The Bundle as text in the configured media type. */
export async function bundleText(
  bundle: Bundle,
  { mediaType }: Pick<HelsekontakterWire, "mediaType">,
): Promise<string> {
  if (mediaType === "application/fhir+xml") return (await import("./fhir-xml.ts")).bundleToXml(bundle);
  return JSON.stringify(bundle);
}
