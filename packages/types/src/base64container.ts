/** Base64Container 1.0: an attachment as base64 text. */
export {
  type Base64Container,
  elements,
  types,
} from "./gen/xsd/base64container-1.0.ts";
