export {
  type AppRecErrorInput,
  type AppRecOptions,
  type AppRecOriginal,
  type AppRecOutcome,
  type AppRecVersion,
  buildAppRec,
  type BuiltAppRec,
} from "./build-apprec.ts";
export { type AppRecFault, appRecFault, appRecFaults } from "./fault-codes.ts";
export {
  type AppRecErrorView,
  type AppRecPartyView,
  type AppRecStatus,
  type AppRecView,
  appRecView,
  readAppRec,
} from "./read-apprec.ts";
