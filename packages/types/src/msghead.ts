/**
 * The message head, MsgHead 1.2: types, each with its table under the same name, and `elements` for the codec.
 *
 * `personVariant` is the reading of the standards archive, where `OtherReceiver/Person` has felleskomponent1's type.
 */
export {
  Address,
  CS,
  CV,
  ConversationRef,
  Document,
  HealthcareProfessional,
  Ident,
  MsgHead,
  MsgInfo,
  Organisation,
  OtherReceiver,
  Patient,
  PatientReport,
  Person,
  Receiver,
  RefDoc,
  RefDoc_Content,
  Sender,
  TS,
  TeleCom,
  URL,
  type oid,
  elements,
  types,
} from "./gen/xsd/msghead-1.2.ts";
export * as personVariant from "./gen/xsd/msghead-1.2-person-fk1.ts";
