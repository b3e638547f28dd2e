import {
  buildTjenesteOversikt,
  type OmraadeSpelling,
  type Party,
  type Patient,
  type Tjeneste,
} from "@helsekontakt/amqp-messaging/messages";
import type { Mailroom, SendOptions, SentMessage } from "../messaging/mailroom.ts";

/** One citizen's list. */
export interface TjenesteoversiktCommand {
  readonly patient: Patient;
  /** All current services of the citizen; an empty list ends them all. A service without `herId` gets the sender's. */
  readonly services: readonly (Omit<Tjeneste, "herId"> & { readonly herId?: string })[];
  readonly from?: string;
  /** Which spelling Helsenorge takes is not confirmed. Default: the published schema's. */
  readonly spelling?: OmraadeSpelling;
}

/**
 * Tjenesteoversikt: one citizen's complete list of home care services.
 *
 * @deprecated upstream says that new actors must not use it; Notifikasjon Helsekontakt replaces it. It is still live.
 */
export interface Tjenesteoversikt {
  /**
   * Journals the complete list; Helsenorge creates, updates and ends services by it.
   *
   * @throws {ValidationError} `xml/not-valid`
   * @throws {HelsekontaktError} `input/invalid`, `journal/*`, `abort/cancelled`
   * @see HITS 1218:2018
   */
  send(command: TjenesteoversiktCommand, options?: SendOptions): Promise<SentMessage>;
}

/** Builds the flow. */
export function createTjenesteoversikt(
  mailroom: Mailroom,
  sender: (herId?: string) => Party,
  helsenorge: Party,
): Tjenesteoversikt {
  return {
    send({ patient, services, from, spelling }, options) {
      const own = sender(from);
      const list = services.map((s) => ({ ...s, herId: s.herId ?? own.service.herId }));
      return mailroom.post(
        {
          function: "DIALOG_INNBYGGER_TJENESTEOVERSIKT",
          sender: own,
          receiver: helsenorge,
          patient,
          parts: [{ kind: "payload", content: buildTjenesteOversikt(list, spelling) }],
        },
        options,
      );
    },
  };
}
