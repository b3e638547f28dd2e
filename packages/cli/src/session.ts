import { createHelsekontakt, describeWire, type Helsekontakt, type HelsekontaktConfig } from "@helsekontakt/sdk";
import { loadConfig } from "./config-file.ts";
import type { CliIo } from "./io.ts";

/** The SDK on a configuration file, for the length of one command. */
export interface Session {
  readonly sdk: Helsekontakt;
  readonly config: HelsekontaktConfig;
  /** Fires on SIGINT and SIGTERM: what is under way is finished or given up cleanly, and the next run goes on. */
  readonly signal: AbortSignal;
}

/**
 * Opens configuration and, unless told otherwise, journal, runs the work, and closes all of it whatever happens.
 *
 * @throws {HelsekontaktError} `config/*`, `journal/*`, and what the work throws
 */
export async function withSession<T>(
  configFile: string,
  io: CliIo,
  work: (session: Session) => Promise<T>,
  { journal = true }: { readonly journal?: boolean } = {},
): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  try {
    const config = await loadConfig(configFile, io, { journal, signal: controller.signal });
    const sdk = createHelsekontakt(config);
    try {
      return await work({ sdk, config, signal: controller.signal });
    } finally {
      await config.journal?.close();
    }
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

/** One line on the settings whose values upstream has not confirmed, for people to see before they rely on them. */
export function inferredLine(config: HelsekontaktConfig): string {
  const open = describeWire(config.medlemstjenester).filter((s) => s.mark === "inferred");
  return open.length === 0
    ? ""
    : `Inferred, not confirmed by Helsenorge: ${open.map((s) => `${s.name}=${s.value}`).join(", ")}\n`;
}
