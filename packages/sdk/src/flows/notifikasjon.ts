import { randomUUID } from "node:crypto";
import {
  buildEpisodeOfCare,
  fhirPayload,
  type Helsekontakt,
  type Party,
  type Patient,
} from "@helsekontakt/amqp-messaging/messages";
import type { Mailroom, SendOptions, SentMessage } from "../messaging/mailroom.ts";

/** One citizen's health contact. */
export interface NotifikasjonCommand {
  readonly patient: Patient;
  /** The health contact; its `id` is a GUID of yours, made here when absent. The same id updates the same contact. */
  readonly contact: Omit<Helsekontakt, "id" | "managingHerId"> & {
    readonly id?: string;
    readonly managingHerId?: string;
  };
  /** HER-id of the sending service; the first configured one by default. */
  readonly from?: string;
}

/** A notification that the journal holds. */
export interface SentNotifikasjon extends SentMessage {
  /** Keep it: the same id updates or ends the contact. */
  readonly contactId: string;
}

/** Notifikasjon Helsekontakt: creates, updates and ends one citizen's health contact. Parts of it are inferred; see the docs. */
export interface Notifikasjon {
  /**
   * Journals the notification; sending and receipt follow on their own.
   *
   * @throws {ValidationError} `xml/not-valid`
   * @throws {HelsekontaktError} `input/invalid`, `journal/*`, `abort/cancelled`
   * @see AMQP Notifikasjon Helsekontakt v1.0
   */
  send(command: NotifikasjonCommand, options?: SendOptions): Promise<SentNotifikasjon>;
}

/** Builds the flow. */
export function createNotifikasjon(
  mailroom: Mailroom,
  sender: (herId?: string) => Party,
  helsenorge: Party,
): Notifikasjon {
  return {
    async send({ patient, contact, from }, options) {
      const own = sender(from);
      const id = contact.id ?? randomUUID();
      const episode = buildEpisodeOfCare(
        { ...contact, id, managingHerId: contact.managingHerId ?? own.service.herId },
        patient.fnr,
      );
      const sent = await mailroom.post(
        {
          function: "NOTIFIKASJON_INNBYGGER_HELSEKONTAKT",
          sender: own,
          receiver: helsenorge,
          patient,
          parts: [{ kind: "payload", description: "Helsekontakt", content: fhirPayload(episode) }],
        },
        options,
      );
      return { ...sent, contactId: id };
    },
  };
}
