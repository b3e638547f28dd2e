import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTally } from "./_tally.ts";

// packages/sdk/docs/first-hour.md as its reader does it: an empty folder, the packed packages, each command in order, each file as it
// stands there, and of each output the lines that the page shows.

const root = fileURLToPath(new URL("../../..", import.meta.url));
const tally = createTally();
const work = mkdtempSync(join(tmpdir(), "first-hour-"));
const packed = join(work, "packed");
const folder = join(work, "empty");
mkdirSync(folder);

interface Block {
  readonly language: string;
  readonly text: string;
  /** The file that the text before names, for blocks that are files. */
  readonly file: string | undefined;
}

function blocks(markdown: string): Block[] {
  const found: Block[] = [];
  let before = "";
  for (const part of markdown.matchAll(/([\s\S]*?)```([\w ]+)\n([\s\S]*?)```/g)) {
    before = part[1] ?? "";
    const last = before.trimEnd().split("\n\n").at(-1) ?? "";
    found.push({ language: part[2] ?? "", text: part[3] ?? "", file: /`([\w.-]+\.(?:mjs|json|ts))`/.exec(last)?.[1] });
  }
  return found;
}

/** Packs the built packages; the page's own install line then takes these in place of the registry's. */
function pack(): string[] {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { packageManager: string };
  for (const name of readdirSync(join(root, "packages")))
    execFileSync("npx", ["--yes", packageManager, "pack", "--pack-destination", packed], {
      cwd: join(root, "packages", name),
      stdio: "ignore",
    });
  return readdirSync(packed).map((file) => join(packed, file));
}

const environment = {
  ...process.env,
  PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
  // Sources are not there in an installed package; the condition must not lead anywhere.
  NODE_OPTIONS: "",
};

function run(script: string): { readonly code: number; readonly out: string } {
  try {
    const out = execFileSync("bash", ["-e", "-c", script], {
      cwd: folder,
      env: environment,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 180_000,
    });
    return { code: 0, out };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number | null; stdout: string; stderr: string };
    return { code: status ?? 1, out: `${stdout}${stderr}` };
  }
}

/** Leaves the command running, once it has said how it is stopped. */
function start(script: string): Promise<ChildProcess> {
  const child = spawn("bash", ["-c", `exec ${script}`], { cwd: folder, env: environment, detached: true });
  return new Promise((resolve, reject) => {
    let out = "";
    const heard = (chunk: Buffer): void => {
      out += chunk.toString();
      if (out.includes("Stop with Ctrl-C")) resolve(child);
    };
    child.stdout?.on("data", heard);
    child.stderr?.on("data", heard);
    child.once("exit", (code) => reject(new Error(`the sandbox ended with ${code}: ${out.slice(0, 500)}`)));
  });
}

let sandbox: ChildProcess | undefined;
let commands = 0;
let lines = 0;
try {
  const tarballs = pack();
  let printed = "";
  for (const { language, text, file } of blocks(readFileSync(join(root, "packages/sdk/docs/first-hour.md"), "utf8"))) {
    if (language === "js" || language === "json") {
      tally.check(file !== undefined, `a ${language} block without the name of its file`);
      writeFileSync(join(folder, file ?? "unnamed"), text);
    } else if (language === "text") {
      for (const line of text.trim().split("\n")) {
        lines++;
        tally.check(
          printed.includes(line),
          `expected the line "${line}", found another output:\n${printed.slice(0, 1500)}`,
        );
      }
    } else if (language === "sh" && text.includes("helsekontakt sandbox")) {
      sandbox = await start(text.trim());
      commands++;
    } else if (language === "sh") {
      const script = text.replace(/^npm install .*$/m, `npm install --no-audit --no-fund ${tarballs.join(" ")}`);
      const { code, out } = run(script);
      printed = out;
      commands += text.trim().split("\n").length;
      tally.check(code === 0, `expected ${text.trim()} to end with 0, found ${code}:\n${out.slice(0, 1500)}`);
    }
  }
} finally {
  if (sandbox?.pid !== undefined) process.kill(-sandbox.pid, "SIGTERM");
  rmSync(work, { recursive: true, force: true });
}
tally.check(commands >= 8 && lines >= 6, `expected the page's commands and outputs, found ${commands} and ${lines}`);
tally.finish("first-hour", { "commands from an empty folder": commands, "lines of output": lines });
