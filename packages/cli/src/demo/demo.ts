import { rm } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { openJournal, sqliteStore } from "@helsekontakt/journal";
import { startSandbox } from "@helsekontakt/sandbox";
import { createHelsekontakt } from "@helsekontakt/sdk";
import { ekontakt, notifikasjon, tjenesteoversikt } from "./message-steps.ts";
import { Report } from "./report.ts";
import { aktivsjekken, medlemstjenester } from "./rest-steps.ts";

/**
 * Runs the five systems in order against a sandbox in this process and leaves every exchange as files in `dir`.
 *
 * @throws {HelsekontaktError} where a step does not end as it must
 */
export async function runDemo(options: {
  readonly dir: string;
  readonly write: (line: string) => void;
}): Promise<void> {
  const dir = resolve(options.dir);
  await rm(dir, { recursive: true, force: true });
  const sandbox = await startSandbox({ captureDir: dir });
  const journal = await openJournal({ store: sqliteStore({ file: `${dir}/journal.sqlite` }) });
  const helsekontakt = createHelsekontakt({ ...sandbox.config, journal });
  try {
    options.write(
      `Sandbox: HelseID ${sandbox.helseid.issuer}, REST ${sandbox.rest.baseUrl}, AMQP 127.0.0.1:${sandbox.amqp.broker.port}`,
    );
    const report = new Report(options.write);
    await aktivsjekken(report, helsekontakt, sandbox);
    await medlemstjenester(report, helsekontakt, sandbox);
    await helsekontakt.start();
    await notifikasjon(report, helsekontakt, sandbox);
    await ekontakt(report, helsekontakt, sandbox);
    await tjenesteoversikt(report, helsekontakt, sandbox);
    report.table();
    const { published, unroutable } = sandbox.amqp.broker.counts;
    options.write(`\n${published} AMQP messages, ${unroutable} lost; ${sandbox.helseid.service.issued} tokens issued`);
  } finally {
    await helsekontakt.stop({ drainMs: 2_000 });
    await journal.close();
    await sandbox.close();
  }
  const files = await sandbox.capture.flush();
  options.write(`${files} exchanges as XML, CMS and JSON in ${relative(process.cwd(), dir) || dir}`);
}
