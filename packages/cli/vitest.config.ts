export { default } from "../../tools/config/vitest.together.ts";
