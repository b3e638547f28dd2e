export {
  buildDialogmelding,
  type DialogAnswer,
  type DialogPart,
  type DialogRequest,
  type DialogText,
  isDialogmelding,
  plainText,
  readDialogmelding,
} from "./dialog.ts";
export {
  type AccessCode,
  buildEpisodeOfCare,
  fhirPayload,
  type Helsekontakt,
  isFhirPayload,
  readEpisodeOfCare,
  type TeamMember,
} from "./helsekontakt.ts";
export {
  type AttachmentPart,
  buildMsgHead,
  type Conversation,
  isoSeconds,
  type MessageParts,
  type PayloadPart,
} from "./msg-head.ts";
export { isDNumber, type Party, type PartyLevel, type Patient, personal, reveal } from "./party.ts";
export { buildPasientrelasjon, type Representative, readPasientrelasjon } from "./pasientrelasjon.ts";
export {
  type AttachmentView,
  type MessageView,
  type PartyView,
  type PatientView,
  readMsgHead,
} from "./read-msg-head.ts";
export {
  buildTjenesteOversikt,
  isTjenesteOversikt,
  type OmraadeSpelling,
  readTjenesteOversikt,
  type Tjeneste,
} from "./tjenesteoversikt.ts";
