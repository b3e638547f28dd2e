import { fileURLToPath } from "node:url";
import { updateManifest } from "./manifest.ts";

// Run after a document in specs/ changed: writes the new sums into specs/manifest.json.
const changed = updateManifest(fileURLToPath(new URL("../../../specs", import.meta.url)));
process.stdout.write(
  `specs/manifest.json: ${changed.length === 0 ? "unchanged" : `new sums for ${changed.join(", ")}`}\n`,
);
