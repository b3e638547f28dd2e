export {
  messageForReceiver,
  messageForSender,
  partsForAcknowledgement,
  partsForReceive,
  partsForSend,
} from "./look-up.ts";
export { parseProfile } from "./parse-profile.ts";
export type {
  Profile,
  ProfileCertificate,
  ProfileMessage,
  ProfileParty,
  ProfilePart,
  ProfileRole,
} from "./profile.ts";
