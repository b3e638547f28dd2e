import { docComment, type GeneratedFile, header, propertyKey, quote } from "@helsekontakt/codegen";
import { type Address, type EnvironmentsDocument, readEnvironments } from "./document.ts";

/** Generates the presets of the environments from a `specs/` folder. */
export function generateEnvironments(specsDir: string): GeneratedFile[] {
  return [{ path: "environments.ts", content: environmentsModule(readEnvironments(specsDir)) }];
}

function environmentsModule({ specs, settings, environments }: EnvironmentsDocument): string {
  const [spec] = specs;
  const id = spec?.id ?? "";
  return `${header("gen-environments", [...specs])}
${docComment(["Helsenorge's environments."], `${id}#environments`)}export type EnvironmentName = ${environments.map((e) => quote(e.name)).join(" | ")};

/** Name of an address or setting that differs by environment. */
export type PresetSetting = keyof Omit<EnvironmentPreset, "use" | "production" | "inferred">;

/** What is known of one environment. */
export interface EnvironmentPreset {
${settings.map((s) => `${docComment([s.text], undefined, "  ")}  readonly ${propertyKey(s.name)}?: string;\n`).join("")}  /** What it is for. */
  readonly use: string;
  /** True where real persons are, or may be. */
  readonly production: boolean;
  /** Settings of this preset that nobody at NHN has confirmed, and why. */
  readonly inferred: Readonly<Record<string, string>>;
}

${docComment(["The typed presets."], `${id}#environments`)}export const environments: Readonly<Record<EnvironmentName, EnvironmentPreset>> = {
${environments
  .map(
    (e) => `${docComment([e.use], undefined, "  ")}  ${propertyKey(e.name)}: {
${e.addresses.map((a) => `    ${propertyKey(a.setting)}: ${quote(a.value)},\n`).join("")}    use: ${quote(e.use)},
    production: ${e.production},
    inferred: ${marks(e.addresses)},
  },
`,
  )
  .join("")}};

/** The document that states each address. */
export const environmentSources: Readonly<Record<EnvironmentName, Readonly<Partial<Record<PresetSetting, string>>>>> = {
${environments.map((e) => `  ${propertyKey(e.name)}: {${e.addresses.length === 0 ? "" : `\n${e.addresses.map((a) => `    ${propertyKey(a.setting)}: ${quote(a.source)},\n`).join("")}  `}},\n`).join("")}};
`;
}

function marks(addresses: readonly Address[]): string {
  const inferred = addresses.filter((a) => a.inferred !== undefined);
  if (inferred.length === 0) return "{}";
  return `{\n${inferred.map((a) => `      ${propertyKey(a.setting)}: ${quote(a.inferred ?? "")},\n`).join("")}    }`;
}
