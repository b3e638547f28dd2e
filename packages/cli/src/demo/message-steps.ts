import type { Sandbox } from "@helsekontakt/sandbox";
import { type Helsekontakt, type Patient, reply, type SentMessage } from "@helsekontakt/sdk";
import { type Report, short, size } from "./report.ts";

function patientOf(sandbox: Sandbox, status: string, skip = 0): Patient {
  const citizen = sandbox.citizens.filter((c) => c.status === status)[skip];
  return { fnr: citizen?.fnr ?? "", familyName: citizen?.familyName ?? "", givenName: citizen?.givenName ?? "" };
}

async function followed(report: Report, sent: SentMessage, what: string): Promise<string> {
  const receipt = await sent.receipt();
  const codes =
    "errors" in receipt && receipt.errors.length > 0 ? ` (${receipt.errors.map((e) => e.code).join(", ")})` : "";
  report.step(
    `${what} ${short(sent.msgId)}, ${size(sent.size)} of XML, signed and encrypted -> AppRec: ${receipt.status}${codes}`,
  );
  return receipt.status;
}

/** A health contact is created; for a citizen who is not active the AppRec says E35. */
export async function notifikasjon(report: Report, helsekontakt: Helsekontakt, sandbox: Sandbox): Promise<void> {
  report.begin(3, "Notifikasjon Helsekontakt");
  const contact = {
    team: { name: "Helsesykepleier, Nord skole", members: [{ role: "Helsesykepleier" }, { role: "Skolelege" }] },
    from: "2026-11-25",
    access: "N" as const,
  };
  const good = await helsekontakt.notifikasjon.send({ patient: patientOf(sandbox, "self"), contact, from: "200003" });
  const accepted = await followed(report, good, "EpisodeOfCare with CareTeam");
  const refused = await helsekontakt.notifikasjon.send({
    patient: patientOf(sandbox, "none"),
    contact,
    from: "200003",
  });
  const notActive = await followed(report, refused, "the same for a citizen who is not active");
  report.expect(
    accepted === "accepted" && notActive === "not-active",
    "accepted, then not-active",
    `${accepted}, then ${notActive}`,
  );
  report.expect(sandbox.counterpart.contacts.has(good.contactId), "the contact at Helsenorge", "none");
  report.end("accepted; E35 as a typed result", 4);
}

/** The citizen writes with a PDF through a parent and gets an answer; then the provider asks and the citizen answers. */
export async function ekontakt(report: Report, helsekontakt: Helsekontakt, sandbox: Sandbox): Promise<void> {
  report.begin(4, "E-kontakt");
  const answers: Promise<string> = new Promise((resolve) => {
    helsekontakt.ekontakt.onMessage((message) => {
      const bytes = message.attachments.reduce((sum, a) => sum + a.content().length, 0);
      report.step(
        `${message.kind} ${short(message.msgId)} in thread ${short(message.dialogId)}: ${message.attachments.length} attachment(s) of ${size(bytes)}${message.representative === undefined ? "" : `, on behalf of the patient (${message.representative.relation})`}`,
      );
      if (message.kind === "request")
        return reply({
          text: {
            xhtml:
              '<div xmlns="http://www.w3.org/1999/xhtml"><p>Takk, nummeret er <strong>oppdatert</strong>.</p></div>',
          },
          author: { givenName: "Olav", familyName: "Eksempel" },
        });
      resolve(message.dialogId);
      return { kind: "accept" };
    });
  });
  const receipts = new Map<string, string>();
  const unlisten = helsekontakt.onEvent((event) => {
    if (event.type === "receipt")
      receipts.set(event.originalMsgId, event.accepted ? "accepted" : event.codes.join(", "));
  });
  const citizen = sandbox.citizens[0];
  const parent = sandbox.citizens[1];
  if (citizen === undefined || parent === undefined) return;
  const asked = await sandbox.counterpart.sendRequest({
    citizen,
    toHerId: "200002",
    subject: "Endret telefonnummer",
    text: "Vi har fått nytt telefonnummer.",
    sakstype: "HK-42",
    attachments: [{ mimeType: "application/pdf", description: "Bekreftelse", content: smallPdf() }],
    onBehalf: { relation: "FO", fnr: parent.fnr, familyName: parent.familyName, givenName: parent.givenName },
  });
  const receipt = await asked.receipt();
  report.step(`our AppRec for it: ${receipt.status}`);
  const answer = await until(() => sandbox.counterpart.citizenInbox.find((i) => i.dialogId === asked.msgId));
  await until(() => (receipts.has(answer.msgId) ? true : undefined));
  report.step(
    `the citizen has the answer in the same thread, code ${answer.code} -> AppRec: ${receipts.get(answer.msgId)}`,
  );
  report.expect(
    receipt.status === "accepted" && answer.parentId === asked.msgId,
    "an answer that refers to the request",
    answer.parentId ?? "none",
  );

  sandbox.counterpart.answers = () => ({ text: "Ja, klokken ti passer." });
  const question = await helsekontakt.ekontakt.ask({
    patient: { fnr: citizen.fnr, familyName: citizen.familyName, givenName: citizen.givenName },
    subject: "Hjemmebesøk",
    text: "Passer det at vi kommer klokken ti?",
    from: "200002",
    sakstype: "HK-42",
  });
  const status = await followed(report, question, "request (DI)");
  const thread = await answers;
  report.expect(
    status === "accepted" && thread === question.conversationId,
    "the citizen's answer in our thread",
    short(thread),
  );
  unlisten();
  report.end("two threads, AppRecs both ways", 8);
}

/** The complete list of one citizen's services. */
export async function tjenesteoversikt(report: Report, helsekontakt: Helsekontakt, sandbox: Sandbox): Promise<void> {
  report.begin(5, "Tjenesteoversikt (deprecated for new actors)");
  const patient = patientOf(sandbox, "self", 3);
  const sent = await helsekontakt.tjenesteoversikt.send({
    patient,
    from: "200002",
    services: [
      {
        id: "HJ-1001",
        name: "Hjemmesykepleie",
        from: "2026-09-01",
        to: "2026-12-31",
        deliveredBy: "Sone Nord",
        phone: "12345678",
      },
      { id: "HJ-1002", name: "Praktisk bistand", from: "2026-10-01", url: "https://www.example.org/hjemmetjenesten" },
    ],
  });
  const status = await followed(report, sent, "list of 2 services");
  const kept = [...sandbox.counterpart.serviceLists.values()].at(-1)?.length ?? 0;
  report.step(`Helsenorge holds ${kept} services for the citizen`);
  report.expect(status === "accepted" && kept === 2, "an accepted list of two", `${status}, ${kept}`);
  report.end("accepted", 2);
}

async function until<T>(look: () => T | undefined): Promise<T> {
  for (let i = 0; i < 300; i++) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("expected an answer within 15 s, found none");
}

/** One page without text. */
function smallPdf(): Uint8Array {
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>",
  ];
  let text = "%PDF-1.4\n";
  const offsets = objects.map((body, i) => {
    const offset = text.length;
    text += `${i + 1} 0 obj\n${body}\nendobj\n`;
    return offset;
  });
  const table = text.length;
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.map((o) => `${String(o).padStart(10, "0")} 00000 n \n`).join("")}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
  return new TextEncoder().encode(text);
}
