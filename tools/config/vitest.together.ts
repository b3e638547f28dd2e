import { mergeConfig } from "vitest/config";
import base from "./vitest.base.ts";

/**
 * For packages whose test files leave nothing behind in their process: files run one after another in the same two
 * processes, so that sources are loaded and made fast once and not once a file. A test that changes what outlives it
 * (a mocked module, an environment variable, a provider of telemetry) changes it back.
 */
export default mergeConfig(base, { test: { isolate: false } });
