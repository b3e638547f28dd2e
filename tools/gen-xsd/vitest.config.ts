export { default } from "../config/vitest.together.ts";
