/** Rules of the container for attachments, Base64Container 1.0. */
export { rules, types } from "../gen/xsd/base64container-1.0.ts";
