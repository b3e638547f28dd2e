import type { Sandbox } from "@helsekontakt/sandbox";
import type { Helsekontakt } from "@helsekontakt/sdk";
import type { Report } from "./report.ts";
import { size } from "./report.ts";

/** 2,500 synthetic citizens in three calls. */
export async function aktivsjekken(report: Report, helsekontakt: Helsekontakt, sandbox: Sandbox): Promise<void> {
  report.begin(1, "AktivSjekken");
  const citizens = sandbox.citizens.slice(0, 2_500).map((c) => c.fnr);
  const result = await helsekontakt.aktivsjekk.check(citizens, {
    onProgress: ({ calls, checked, total }) =>
      report.step(`POST call ${calls}: ${checked} of ${total} citizens answered`),
  });
  const { self, representative, none, unknown } = result.counts;
  report.step(`reach: ${self} self, ${representative} through a representative, ${none} none, ${unknown} unknown`);
  report.step(`one DPoP-bound token for ${result.calls} calls (${sandbox.helseid.service.issued} issued so far)`);
  report.expect(
    result.calls === 3 && self + representative + none + unknown === 2_500,
    "three calls for 2,500 citizens",
    `${result.calls} calls`,
  );
  report.end(`${self + representative} of 2500 reachable`, result.calls);
}

/** Offerings, then members; those who are not active are kept and tried again. */
export async function medlemstjenester(report: Report, helsekontakt: Helsekontakt, sandbox: Sandbox): Promise<void> {
  report.begin(2, "Medlemstjenester");
  const published = await helsekontakt.medlemstjenester.publish([
    {
      id: "1a8f7a3e-8f4e-4e0a-8c0e-3f1d7e0b9a01",
      name: "Studenthelsetjenesten",
      comment: "Lege og psykolog for medlemmer",
      herId: "200004",
      location: {
        line: "Eksempelveien 1",
        postalCode: "0001",
        city: "Oslo",
        phone: "12345678",
        url: "https://www.example.org",
      },
    },
  ]);
  report.step(`offerings Bundle of ${size(published.size)} taken`);
  const members = sandbox.citizens.slice(0, 30).map((c) => ({ fnr: c.fnr, from: "2026-08-01", to: "2027-07-31" }));
  const first = await helsekontakt.medlemstjenester.register(members, {
    batchSize: 10,
    retryAfterMs: 0,
    onProgress: ({ calls, sent, outcomes }) =>
      report.step(
        `members Bundle ${calls}: ${sent} of ${members.length} sent, ${outcomes.registered} registered, ${outcomes["not-active"]} not active`,
      ),
  });
  const waiting = await helsekontakt.medlemstjenester.due();
  report.step(`${waiting.length} members kept in the register to be tried again`);
  const changed = waiting[0];
  report.expect(
    changed !== undefined && waiting.length === first.counts["not-active"],
    "the register to hold every member who is not active",
    `${waiting.length}`,
  );
  if (changed !== undefined) {
    sandbox.setStatus(changed.person.reveal(), "self");
    const again = await helsekontakt.medlemstjenester.register([
      { fnr: changed.person, from: "2026-08-01", to: "2027-07-31" },
    ]);
    report.step(`one of them has become active: ${again.counts.registered} registered at the next try`);
    report.expect(again.counts.registered === 1, "the member to be registered", JSON.stringify(again.counts));
  }
  report.end(`${first.counts.registered + 1} registered, ${first.counts["not-active"] - 1} waiting`, first.calls + 2);
}
