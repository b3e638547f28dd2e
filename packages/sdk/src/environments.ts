/** Presets of Helsenorge's environments, generated from specs/environments.json and the servers of specs/openapi. */
export {
  type EnvironmentName,
  type EnvironmentPreset,
  environmentSources,
  environments,
  type PresetSetting,
} from "./gen/environments.ts";
