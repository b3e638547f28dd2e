import { describeConfig, type EffectiveSetting } from "@helsekontakt/sdk";
import { configJsonSchema } from "../config/schema.ts";
import { loadConfigWithSources, type LoadedConfig } from "../config-file.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";

export interface ConfigShowOptions {
  readonly config: string;
  readonly json?: boolean;
}

/** A setting as `config show` prints it: with the file or variable that it was read from. */
export type ShownSetting = Omit<EffectiveSetting, "origin"> & { readonly origin: string };

/**
 * `helsekontakt config show`: every setting that applies. Values of keys and passwords are never printed.
 *
 * @throws {HelsekontaktError} `config/invalid`, `input/invalid`
 */
export async function showConfig(options: ConfigShowOptions, io: CliIo): Promise<ExitCode> {
  const loaded = await loadConfigWithSources(options.config, io);
  const settings = describeConfig(loaded.config).flatMap((setting) =>
    setting.path === "journal" && loaded.journal !== undefined
      ? [withSource(setting, loaded), encryption(loaded)]
      : [withSource(setting, loaded)],
  );
  if (options.json === true) printJson(io, settings);
  else io.out(asText(settings));
  return 0;
}

/** `helsekontakt config schema`. */
export async function printSchema(io: CliIo): Promise<ExitCode> {
  printJson(io, configJsonSchema());
  return 0;
}

function withSource(setting: EffectiveSetting, { sources, journal }: LoadedConfig): ShownSetting {
  if (setting.path === "journal" && journal !== undefined)
    return { path: "journal", value: journal, secret: false, origin: "file", mark: "configured" };
  if (setting.origin !== "configuration") return setting;
  const { path } = setting;
  // A key's source is that of its parts, the broker's that of its URL.
  const url = path.startsWith("amqp.") ? sources.get("amqp.url") : undefined;
  const inside = [...sources].filter(([p]) => p === path || p.startsWith(`${path}.`) || p.startsWith(`${path}[`));
  const found = [...new Set(inside.map(([, source]) => source))];
  const origin = found.length > 0 ? found.join(", ") : (url ?? "file");
  return { ...setting, origin };
}

/** Only the file knows it: the SDK is given the journal opened. */
function encryption({ sources, journal, journalEncrypted }: LoadedConfig): ShownSetting {
  const path = "journal.encryptionKey";
  const found = [...sources].filter(([p]) => p === path || p.startsWith(`${path}.`)).map(([, source]) => source);
  if (journalEncrypted)
    return { path, value: undefined, secret: true, origin: [...new Set(found)].join(", "), mark: "configured" };
  const reason = journal === "opened" ? "the module that opens the journal knows" : "the journal is stored in clear";
  return { path, value: undefined, secret: false, origin: "none", mark: "none", reason };
}

function asText(settings: readonly ShownSetting[]): string {
  const rows = settings.map((s) => [s.path, valueOf(s), s.origin, s.mark === "none" ? "" : s.mark, s.reason ?? ""]);
  const header = ["setting", "value", "origin", "mark", "why"];
  const widths = header.map((h, i) => Math.min(60, Math.max(h.length, ...rows.map((r) => (r[i] ?? "").length))));
  const line = (cells: readonly string[]): string =>
    cells
      .map((c, i) => c.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return `${[header, ...rows].map(line).join("\n")}\n`;
}

function valueOf({ value, secret }: ShownSetting): string {
  if (secret) return "(set, not shown)";
  return value === undefined ? "(not set)" : String(value);
}
