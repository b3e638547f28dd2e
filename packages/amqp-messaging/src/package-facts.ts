import { readFileSync } from "node:fs";

/** @internal */
export const packageName = "@helsekontakt/amqp-messaging";

/** @internal Of this package, from its own manifest; `0` where that cannot be read, as in a bundle. */
export const packageVersion: string = ownVersion();

function ownVersion(): string {
  try {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      readonly name?: unknown;
      readonly version?: unknown;
    };
    return manifest.name === packageName && typeof manifest.version === "string" ? manifest.version : "0";
  } catch {
    return "0";
  }
}
