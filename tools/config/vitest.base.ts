import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Shared test settings: workspace imports resolve to sources, and a failing test never prints environment values. */
export default defineConfig({
  resolve: { conditions: ["helsekontakt-source"] },
  ssr: { resolve: { conditions: ["helsekontakt-source", "node", "import", "module", "default"] } },
  test: {
    include: ["src/**/*.test.ts", "tests/**/*.test.ts"],
    // Generous: a test says what must happen, never how fast, also on a machine that does four other things.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: "forks",
    maxWorkers: 2,
    // Programs that tests start read the sources too: a start costs a third once they are compiled. Entries are found by
    // name and content, so none is ever out of date; a measurement of coverage does without by itself.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.compile-cache", import.meta.url)) },
    // Read by the table of rows, which need not run the tests once more. Whoever names a reporter has that one alone: the
    // options of this one would be taken for its own.
    ...(process.argv.some((a) => a.startsWith("--reporter"))
      ? {}
      : { reporters: ["default", ["json", { outputFile: ".test-report.json" }]] }),
    execArgv: ["--conditions=helsekontakt-source", "--no-warnings=ExperimentalWarning"],
  },
});
