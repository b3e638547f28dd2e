// The entry point of every root script. Plain JavaScript without dependencies: it runs on the machine's own Node (20 or
// newer) before anything is installed, installs the pinned pnpm and Node 24 without touching the machine, then works with those.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { countTests } from "./count-tests.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const pnpm = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager;
const bin = join(root, "node_modules/.bin");
/** Tools whose dependencies are large and needed only to generate: the README's two commands do without them. */
const generatorPackages = [
  "@helsekontakt/gen-xsd",
  "@helsekontakt/gen-fhir",
  "@helsekontakt/gen-openapi",
  "@helsekontakt/specs-sync",
];
const stampFile = join(root, "node_modules/.helsekontakt-install.json");

const say = (text) => process.stdout.write(`${text}\n`);

function fail(what, next) {
  process.stderr.write(`\nhelsekontakt: ${what}\n  What to do: ${next}\n`);
  process.exit(1);
}

/** Runs a program; its output is shown as it comes and returned. */
function run(command, args, { quiet = false, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
      env: {
        ...process.env,
        PATH: `${bin}${delimiter}${process.env.PATH}`,
        TURBO_TELEMETRY_DISABLED: "1",
        DO_NOT_TRACK: "1",
        FORCE_COLOR: process.env.FORCE_COLOR ?? (process.stdout.isTTY ? "1" : "0"),
        ...env,
      },
    });
    let output = "";
    const take = (target) => (chunk) => {
      output += chunk;
      if (!quiet) target.write(chunk);
    };
    child.stdout.on("data", take(process.stdout));
    child.stderr.on("data", take(process.stderr));
    child.on("error", (error) => resolve({ code: 127, output: `${output}${error.message}` }));
    child.on("close", (code, signal) => resolve({ code: code ?? (signal ? 1 : 0), output }));
  });
}

/** Where the pinned pnpm lies: `npx` takes more than a second to find it, so its place is remembered with the install. */
function pnpmFolder() {
  try {
    const { pnpmDir } = JSON.parse(readFileSync(stampFile, "utf8"));
    return pnpmDir !== undefined && existsSync(join(pnpmDir, "pnpm")) ? pnpmDir : undefined;
  } catch {
    return undefined;
  }
}

const onPath = (dir) => `${dir}${delimiter}${bin}${delimiter}${process.env.PATH}`;

function withPnpm(args, options = {}) {
  const dir = pnpmFolder();
  return dir === undefined
    ? run("npx", ["--yes", pnpm, ...args], options)
    : run(join(dir, "pnpm"), args, { ...options, env: { ...options.env, PATH: onPath(dir) } });
}

/** turbo wants pnpm on PATH. */
function turbo(args, options = {}) {
  const dir = pnpmFolder();
  return dir === undefined
    ? withPnpm(["exec", "turbo", ...args], options)
    : run(join(bin, "turbo"), args, { ...options, env: { ...options.env, PATH: onPath(dir) } });
}

async function findPnpm() {
  const { output } = await run("npx", ["--yes", pnpm, "exec", "node", "-p", "process.env.PATH"], { quiet: true });
  return output
    .trim()
    .split(delimiter)
    .find((dir) => !dir.startsWith(root) && existsSync(join(dir, "pnpm")));
}

function manifestFiles() {
  const files = ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json", "specs/package.json"];
  for (const folder of ["packages", "tools"]) {
    for (const name of readdirSync(join(root, folder)).sort()) {
      const file = `${folder}/${name}/package.json`;
      if (existsSync(join(root, file))) files.push(file);
    }
  }
  return files;
}

/** Installs what the lock file says, unless exactly that was installed before. */
async function ensureInstalled({ generators }) {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20)
    fail(
      `expected Node 20 or newer to start, found ${process.versions.node}`,
      "install Node 20 or newer; the rest is installed by itself.",
    );
  const hash = createHash("sha256");
  for (const file of manifestFiles())
    hash.update(file).update(existsSync(join(root, file)) ? readFileSync(join(root, file)) : "");
  const wanted = hash.digest("hex");
  let present = {};
  try {
    present = JSON.parse(readFileSync(stampFile, "utf8"));
  } catch {
    // nothing installed yet
  }
  if (present.hash === wanted && (present.generators || !generators)) return;
  const everything = generators || present.generators === true;
  say(
    `[1/3] Installing packages with ${pnpm}${everything ? ", the generators' dependencies too" : ""} (first time: about a minute, mostly download)`,
  );
  const filters = everything ? [] : generatorPackages.flatMap((name) => ["--filter", `!${name}`]);
  const { code } = await withPnpm(["install", "--frozen-lockfile", "--reporter=append-only", ...filters], {
    // npm's own pauses let a machine without a registry wait for more than a minute before it hears of it.
    env: {
      npm_config_engine_strict: "false",
      npm_config_fetch_retry_mintimeout: process.env.npm_config_fetch_retry_mintimeout ?? "2000",
      npm_config_fetch_retry_maxtimeout: process.env.npm_config_fetch_retry_maxtimeout ?? "10000",
    },
  });
  if (code !== 0)
    fail(
      "the packages could not be installed",
      "check that the npm registry is reachable, then run the same command again; what was downloaded is kept.",
    );
  // The test runner keeps transformed modules with the paths of the libraries that were there.
  rmSync(join(root, "node_modules/.vitest-cache"), { recursive: true, force: true });
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, JSON.stringify({ hash: wanted, generators: everything, pnpmDir: await findPnpm() }));
}

async function build(step) {
  say(`${step} Building (unchanged packages come from the cache)`);
  const { code } = await turbo(["run", "build", "--output-logs=errors-only", "--log-order=grouped"]);
  if (code !== 0)
    fail("the build failed", "read the first error above; generated code is fixed by `pnpm generate`, never by hand.");
}

/** The shared folder of official documents, where there is one: beside the repository, or where the variable says. */
function upstreamFolder() {
  const given = process.env.HELSEKONTAKT_UPSTREAM;
  const folder = given ?? join(root, "../shared/upstream");
  return existsSync(join(folder, "xsd")) ? folder : undefined;
}

const commands = {
  async demo(args) {
    await ensureInstalled({ generators: false });
    await build("[2/3]");
    say("[3/3] Running the five systems against the sandbox\n");
    const { code } = await run(join(bin, "node"), [
      "--no-warnings=ExperimentalWarning",
      "packages/cli/bin/helsekontakt.mjs",
      "demo",
      ...args,
    ]);
    if (code !== 0) fail("the demo stopped", "read the last step above; `npm test` tells which part is broken.");
  },

  async test() {
    await ensureInstalled({ generators: false });
    say("[2/3] Checking types, rules of the repository, lint and format");
    const checks = await run(join(bin, "node"), ["tools/repo-checks/src/cli.ts", "--without", "packed,generated"]);
    const lint = await run(join(bin, "oxlint"), ["--config", ".oxlintrc.json", "packages", "tools"]);
    const format = await run(join(bin, "biome"), ["format", "packages", "tools"]);
    if (checks.code + lint.code + format.code !== 0)
      fail("a rule of the repository is broken", "see the lines above; `npx pnpm run format` mends the format.");
    say("[3/3] Building and testing (unchanged packages come from the cache)");
    const { code, output } = await turbo([
      "run",
      "build",
      "typecheck",
      "test",
      "--log-order=grouped",
      "--continue",
      `--concurrency=${Math.max(2, availableParallelism())}`,
    ]);
    const { passed, failed } = countTests(output);
    say(
      "\nLeft out here, openly: conformance with the official schemas, real RabbitMQ and PostgreSQL, packed packages,",
    );
    say(
      "and regeneration from specs/. `npm run check` and `npm run conformance` run those where their parts are present.",
    );
    say(`\n${passed} passed, ${failed} failed`);
    if (code !== 0 || failed > 0)
      fail(
        "a test, type check or build failed",
        "read the first failure above; `cd packages/NAME && npx vitest run` repeats one package.",
      );
    if (passed === 0) fail("no test ran", "this is a fault of the runner; please report it.");
  },

  async generate(args) {
    await ensureInstalled({ generators: true });
    const { code } = await turbo(["run", "generate", "--output-logs=new-only", ...args]);
    if (code !== 0) fail("a generator stopped", "the line above names file, line and construct in specs/.");
  },

  async check() {
    await ensureInstalled({ generators: true });
    await build("[check]");
    const { code } = await run(join(bin, "node"), ["tools/repo-checks/src/cli.ts"]);
    if (code !== 0) fail("a check failed", "see the lines above.");
  },

  async bench(args) {
    await ensureInstalled({ generators: true });
    await build("[bench]");
    const { code } = await run(join(bin, "node"), [
      "--no-warnings=ExperimentalWarning",
      "--expose-gc",
      "tools/bench/src/cli.ts",
      ...args,
    ]);
    if (code !== 0) fail("a bound was missed", "the row marked MISSED says which.");
  },

  async conformance(args) {
    await ensureInstalled({ generators: true });
    await build("[conformance]");
    const upstream = upstreamFolder();
    const { code } = await run(
      join(bin, "node"),
      ["--no-warnings=ExperimentalWarning", "tools/conformance/src/cli.ts", ...args],
      {
        env: upstream === undefined ? {} : { HELSEKONTAKT_UPSTREAM: upstream },
      },
    );
    if (code !== 0) fail("a conformance run failed", "each run prints its counts and its misses above.");
  },

  async chaos(args) {
    await ensureInstalled({ generators: false });
    const { code } = await run(join(bin, "node"), [
      "--conditions=helsekontakt-source",
      "--no-warnings=ExperimentalWarning",
      "tools/conformance/src/chaos.ts",
      ...args,
    ]);
    process.exitCode = code;
  },

  async "specs:sync"(args) {
    await ensureInstalled({ generators: true });
    const { code } = await run(join(bin, "node"), ["tools/specs-sync/src/cli.ts", ...args]);
    process.exitCode = code;
  },

  async "gen:xsd"(args) {
    await ensureInstalled({ generators: true });
    const { code } = await run(join(bin, "node"), ["tools/gen-xsd/src/cli.ts", ...args]);
    process.exitCode = code;
  },

  async "gen:openapi"(args) {
    await ensureInstalled({ generators: true });
    const { code } = await run(join(bin, "node"), ["tools/gen-openapi/src/cli.ts", ...args]);
    process.exitCode = code;
  },

  async "gen:fhir"(args) {
    await ensureInstalled({ generators: true });
    const { code } = await run(join(bin, "node"), ["tools/gen-fhir/src/cli.ts", ...args]);
    process.exitCode = code;
  },
};

const [name, ...args] = process.argv.slice(2);
const command = commands[name];
if (command === undefined)
  fail(`expected one of ${Object.keys(commands).join(", ")}, found ${name}`, "see the scripts in package.json.");
await command(args);
