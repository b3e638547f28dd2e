/** What modules that `gen-openapi` writes outside this package import. */
export type { BodyTable } from "./openapi/body-table.ts";
export { codePointLength, deepEqual, formats } from "./openapi/runtime.ts";
