import type { Journal } from "@helsekontakt/journal";
import { faultFinding } from "./fault-finding.ts";
import { type Check, type Finding, ok, warning } from "./types.ts";

const shown = 100;
const late = 15 * 60_000;

/** The journal opens, its schema is current, and nothing lies in it for too long. */
export const journalCheck: Check = {
  id: "journal",
  title: "journal",
  async run({ config, clock, options }, signal) {
    let opened: Journal | undefined;
    try {
      // Opening it brings its schema up to date, and refuses one of a later version.
      opened = config.journal === undefined ? await options.openJournal?.(signal) : undefined;
      const journal = config.journal ?? opened;
      if (journal === undefined) return [];
      const [queued, failed, pending] = await Promise.all([
        journal.outbox.list({ transport: "queued", limit: shown, signal }),
        journal.outbox.list({ transport: "failed", limit: shown, signal }),
        journal.inbox.pending({ limit: shown, signal }),
      ]);
      const now = clock.now();
      const found: Finding[] = [ok(`${journal.engine} opened, schema up to date`)];
      found.push(lag("to be sent", queued.length, now - (queued[0]?.createdAt ?? now)));
      found.push(lag("received and not handled", pending.length, now - (pending[0]?.receivedAt ?? now)));
      if (failed.length > 0)
        found.push(
          warning(
            `${count(failed.length)} message(s) failed for good`,
            "see their reason in the journal; resend or cancel them",
          ),
        );
      return found;
    } catch (error) {
      return [faultFinding(error, "expected a journal that opens, found none", "check journal in the configuration")];
    } finally {
      await opened?.close();
    }
  },
};

function lag(what: string, number: number, age: number): Finding {
  const text = `${count(number)} message(s) ${what}`;
  if (number === 0 || age < late) return ok(text);
  return warning(
    `${text}, the oldest for ${Math.round(age / 60_000)} minutes`,
    "is an application running that has started its SDK?",
  );
}

function count(number: number): string {
  return number < shown ? String(number) : `${shown} or more`;
}
