/** Rules of the message head, MsgHead 1.2. */
export { rules, types } from "../gen/xsd/msghead-1.2.ts";
