// Over 400 lines: the tree of commands and options in one place, as `--help` shows it; what they do stands in commands/.
import { join } from "node:path";
import { Command, Option } from "commander";
import type { CliIo, ExitCode } from "./io.ts";

const ciphers = ["aes256", "aes192", "aes128", "3des"];
const digests = ["sha256", "sha384", "sha512"];

/** An option that may be given several times; it never takes the files behind it, as a list option would. */
function several(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/**
 * The command line, without running it. Commands load their parts when they run, so that `--help` is quick.
 *
 * @param finish - told the exit code of the command that ran.
 */
export function createProgram(io: CliIo, version: string, finish: (code: ExitCode) => void): Command {
  const program = new Command("helsekontakt")
    .description("Messages and interfaces of Helsenorge: a sandbox, and tools for documents")
    .version(version)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .addHelpText("after", "\nExit codes: 0 good, 1 findings, 2 could not run");

  program
    .command("demo")
    .description("the five systems in order, against a sandbox in this process")
    .option("--dir <dir>", "folder for the exchanges as files; emptied first", join(".helsekontakt", "demo"))
    .action(async (options) => finish(await (await import("./commands/demo.ts")).demo(options, io)));

  program
    .command("sandbox")
    .description("HelseID, REST, registries, AMQP 1.0 and a counterpart on the loopback address, until Ctrl-C")
    .option("--helseid-port <n>", "port of the token service; any free one by default")
    .option("--rest-port <n>", "port of the REST interfaces")
    .option("--registries-port <n>", "port of the registries")
    .option("--amqp-port <n>", "port of the AMQP 1.0 endpoint")
    .option("--dir <dir>", "folder for key and certificates", join(".helsekontakt", "sandbox"))
    .option("--capture", "write every exchange as files below the folder")
    .option("--config-out <file>", "write a configuration file for other commands and for applications")
    .option("--json", "addresses, credentials and identities as one JSON object")
    .action(async (options) => finish(await (await import("./commands/sandbox.ts")).sandbox(options, io)));

  program
    .command("doctor")
    .description(
      "check everything that has to work: names, TLS, clock, tokens, services, broker, registries, keys, journal",
    )
    .requiredOption("--config <file>", "configuration: JSON, or a module (.mjs, .ts)")
    .option("--only <check>", "a check or a group of checks, with what it needs: token, registry.own", several)
    .option("--timeout <ms>", "limit for each check", "15000")
    .option("--ca <file>", "authorities to trust beside the system's, as PEM", several)
    .option("--json", "one object: ok, environment, counts, checks")
    .action(async (options) => finish(await (await import("./commands/doctor.ts")).doctor(options, io)));

  const config = program.command("config").description("what a configuration says");
  config
    .command("show")
    .description("every setting that applies, where it comes from, and whether it is confirmed; no secret")
    .option(...configOption)
    .option("--json", "one array: path, value, origin, mark, reason, source")
    .action(async (options) => finish(await (await import("./commands/config.ts")).showConfig(options, io)));
  config
    .command("schema")
    .description("the JSON Schema of the configuration file, for editors")
    .action(async () => finish(await (await import("./commands/config.ts")).printSchema(io)));

  program
    .command("validate")
    .description("judge messages (MsgHead, AppRec), their payloads, and FHIR in JSON, NDJSON or XML")
    .argument("<file...>")
    .option("--json", "one array: file, kind, valid, issues")
    .option("--profile <url>", "FHIR profile that must hold besides those that a resource declares")
    .option("--profiles <file.js>", "FHIR profiles of your own: index.js of what gen:fhir wrote, compiled")
    .action(async (files, options) =>
      finish(await (await import("./commands/validate.ts")).validate(files, options, io)),
    );

  program
    .command("explain")
    .description("what a rule, an error code or a code means: profile/msg-id, rest/timeout, 7601:DI, T02, HID-1001")
    .argument("<name...>")
    .option("--json", "one array: found, near")
    .action(async (names, options) => finish((await import("./commands/explain.ts")).explain(names, options, io)));

  program
    .command("roundtrip")
    .description("decode to typed objects, encode again, and compare")
    .argument("<file...>")
    .option("--out <dir>", "folder for the results, under the same names")
    .action(async (files, options) =>
      finish(await (await import("./commands/roundtrip.ts")).roundtrip(files, options, io)),
    );

  program
    .command("decode")
    .description("the typed object of a message as JSON; shows its whole content")
    .argument("<file>")
    .option("--json", "as it is anyway")
    .option("--tolerant", "take elements out of order and missing ones, and list them")
    .action(async (file, options) => finish(await (await import("./commands/decode.ts")).decode(file, options, io)));

  program
    .command("protect")
    .description("sign a file and encrypt it to recipients, as CMS")
    .argument("<file>")
    .requiredOption("--key <file>", "own private key: PEM, DER or PKCS#12", several)
    .option("--cert <file>", "own certificate, when it is not in the key's file", several)
    .requiredOption("--recipient <file>", "encryption certificates of the receivers", several)
    .option("--password-file <file>", "file whose text is the key's password", several)
    .option("--chain <file>", "issuers of the own certificate, to send along", several)
    .option("--out <file>", "where to write; standard output by default")
    .option("--oaep", "key transport by OAEP in place of PKCS#1 v1.5")
    .addOption(
      new Option("--oaep-hash <name>", "of OAEP, default sha1, which every reader knows").choices(["sha1", ...digests]),
    )
    .addOption(new Option("--digest <name>", "of the signature, default sha256").choices(digests))
    .addOption(new Option("--cipher <name>", "of the content, default aes256").choices(ciphers))
    .option("--signed-attributes", "sign attributes in place of the content")
    .option("--pss", "signature padding by PSS")
    .action(async (file, options) => finish(await (await import("./commands/protect.ts")).protect(file, options, io)));

  program
    .command("unprotect")
    .description("decrypt CMS and verify who signed it")
    .argument("<file...>")
    .requiredOption("--key <file>", "own private keys: PEM, DER or PKCS#12; previous ones as well", several)
    .option("--cert <file>", "own certificates, when they are not in the keys' files", several)
    .option("--password-file <file>", "files whose text is a key's password", several)
    .option("--signer-cert <file>", "certificates of which one must have signed", several)
    .option("--trust <path>", "file or folder of authorities that must vouch for the signer", several)
    .option("--any-signer", "open without proof of who sent it")
    .option("--at <time>", "moment at which --trust must hold, default now")
    .option("--no-triple-des", "refuse content that is encrypted by triple DES")
    .option("--out <dir>", "folder for the payloads, under the files' names without .p7m")
    .option("--json", "one array: file, ok, sha256, signer, error")
    .action(async (files, options) =>
      finish(await (await import("./commands/unprotect.ts")).unprotect(files, options, io)),
    );

  program
    .command("profile")
    .description("what a collaboration profile (CPP) or agreement (CPA) says")
    .argument("<file>")
    .option("--as <her-id>", "own HER-id in an agreement: tells the sides apart")
    .option("--json", "one object, with names and certificates")
    .action(async (file, options) => finish(await (await import("./commands/profile.ts")).profile(file, options, io)));

  addAktiv(program, io, finish);
  addOfferings(program, io, finish);
  addMembers(program, io, finish);
  addJournal(program, io, finish);
  addKeys(program, io, finish);
  addQueues(program, io, finish);
  return program;
}

const configOption = ["--config <file>", "configuration: JSON or a module", "helsekontakt.config.json"] as const;

const encodingOption = (): Option =>
  new Option("--encoding <name>", "default: byte order mark, else UTF-8, else Windows-1252").choices([
    "utf-8",
    "windows-1252",
    "iso-8859-1",
    "utf-16le",
    "utf-16be",
  ]);

const controlDigitsOption = (): Option =>
  new Option("--control-digits <how>", "numbers with wrong control digits, default warning").choices([
    "error",
    "warning",
    "off",
  ]);

function addAktiv(program: Command, io: CliIo, finish: (code: ExitCode) => void): void {
  program
    .command("aktiv")
    .description("ask who of a list of persons can be reached (AktivSjekken); the same command goes on after a break")
    .requiredOption("--file <file>", "numbers, one a line or in a column of CSV; - for standard input")
    .option(
      "--out <file>",
      "result as CSV, which is added to; standard output by default, which cannot be gone on with",
    )
    .option(...configOption)
    .option("--omraade <name>", "area of the check", "Helsehjelp")
    .option("--column <name>", "header of the column; fnr, fødselsnummer and others are known")
    .option("--no-header", "the first line is data; a line that begins with a digit is taken for data anyway")
    .addOption(new Option("--delimiter <name>", "default: by the first line").choices(["comma", "semicolon", "tab"]))
    .addOption(encodingOption())
    .addOption(controlDigitsOption())
    .option("--parallel <n>", "calls at once, at most; as many as the service is seen to bear, up to 16, by default")
    .option("--issues <file>", "write every finding about a line, as CSV")
    .option("--restart", "begin anew: throw away what stands in the result")
    .option("--quiet", "no progress")
    .option("--json", "one object: complete, answered, earlier, badLines, failed, duplicates, calls, reach")
    .addHelpText(
      "after",
      "\nExit codes: 0 everybody answered for, 1 bad lines or citizens not answered for, 2 could not run",
    )
    .action(async (options) => finish(await (await import("./commands/aktiv.ts")).aktiv(options, io)));
}

function addKeys(program: Command, io: CliIo, finish: (code: ExitCode) => void): void {
  const load = () => import("./commands/keys.ts");
  const keys = program.command("keys").description("the client's key at HelseID: make, register, rotate");
  const common = (command: Command): Command =>
    command
      .option(...configOption)
      .option("--store <file>", "where the keys are kept", join(".helsekontakt", "keys.json"))
      .option("--passphrase-file <file>", "file whose text encrypts the store")
      .option("--self-service-url <url>", "HelseID's self service; the environment's by default")
      .option("--json", "one object");
  const alg = new Option("--alg <name>", "of a new key, default PS256 (RSA 4096)").choices(["PS256", "ES256"]);
  common(keys.command("list").description("keys here and at HelseID; exit code 1 when the active one needs care"))
    .option("--within <days>", "warn when the active key expires in fewer days, default 30")
    .option("--offline", "do not ask HelseID")
    .action(async (options) => finish(await (await load()).listKeys(options, io)));
  common(keys.command("new").description("make and store the next key, and print its public part"))
    .addOption(alg)
    .option("--dry-run", "tell what would be done, and do nothing")
    .action(async (options) => finish(await (await load()).newKey(options, io)));
  common(keys.command("rotate").description("register the next key and switch to it; goes on where a run stopped"))
    .addOption(alg)
    .option("--within <days>", "only when the active key expires in fewer days")
    .option("--dry-run", "tell what would be done, and do nothing")
    .action(async (options) => finish(await (await load()).rotateKeys(options, io)));
}

function addQueues(program: Command, io: CliIo, finish: (code: ExitCode) => void): void {
  const load = () => import("./commands/queues.ts");
  const queues = program
    .command("queues")
    .description("count, look at, export, move, republish and remove what waits in queues, dead letters too");
  const common = (command: Command): Command =>
    command
      .option(...configOption)
      .option("--json", "one object or array")
      .option("--quiet", "no progress");
  const filtered = (command: Command): Command =>
    common(command)
      .option("--id <id>", "message ids", several)
      .option("--older-than <time>", "30m, 12h, 7d: by when the message was put on the queue, or made")
      .option("--newer-than <time>", "as --older-than")
      .option("--function <name>", "message functions: DIALOG_INNBYGGER_EKONTAKT", several)
      .option("--from <her-id>", "senders", several)
      .option("--cause <cause>", "conditions of error reports, reasons of death", several)
      .option("--limit <n>", "messages, at most; never more than wait when the run begins");
  const audited = (command: Command): Command =>
    filtered(command)
      .option("--by <name>", "who acts, for the audit trail; the user of this machine by default")
      .option("--audit <file>", "audit trail, which is added to", join(".helsekontakt", "queues-audit.ndjson"));
  const acting = (command: Command): Command =>
    audited(command)
      .option("--yes", "do it; without this, the command only tells what it would do")
      .option("--dry-run", "tell what would be done, and do nothing, whatever else is given");
  const moving = (command: Command): Command =>
    acting(command)
      .option("--again", "also messages that came back after they had been moved out of this queue")
      .option("--via-exchange", "put copies in by the configuration's exchange instead of by the queue's own address");
  filtered(queues.command("count").description("messages that wait").argument("<queue>")).action(
    async (queue, options) => finish(await (await load()).countMessages(queue, options, io)),
  );
  filtered(queues.command("list").description("a line a message: headers, never content").argument("<queue>"))
    .option("--skip <n>", "messages to pass over first: the next page")
    .action(async (queue, options) => finish(await (await load()).listMessages(queue, options, io)));
  common(
    queues
      .command("show")
      .description("all headers of a message, never its content; exit code 1 when it is not there")
      .argument("<queue>")
      .argument("<id>"),
  ).action(async (queue, id, options) => finish(await (await load()).showMessage(queue, id, options, io)));
  audited(
    queues
      .command("export")
      .description("whole messages into files that only you may read; they stay in the queue")
      .argument("<queue>"),
  )
    .option("--out <file>", "one file of lines of JSON: headers, and the message in base64")
    .option("--dir <dir>", "two files a message: its bytes, and its headers as JSON")
    .action(async (queue, options) => finish(await (await load()).exportMessages(queue, options, io)));
  moving(
    queues
      .command("move")
      .description("into another queue; an original is removed when its copy is known to be there")
      .argument("<queue>")
      .argument("<to>"),
  ).action(async (queue, to, options) => finish(await (await load()).moveMessages(queue, to, options, io)));
  moving(
    queues
      .command("republish")
      .description("dead letters back to the queue in which they died, or that they were addressed to")
      .argument("<queue>"),
  ).action(async (queue, options) => finish(await (await load()).republishMessages(queue, options, io)));
  acting(queues.command("purge").description("remove messages for good").argument("<queue>"))
    .option("--all", "every message: needed when there is no filter")
    .option("--export-to <file>", "write them down first, as export --out does")
    .action(async (queue, options) => finish(await (await load()).purgeMessages(queue, options, io)));
}

function addOfferings(program: Command, io: CliIo, finish: (code: ExitCode) => void): void {
  const load = () => import("./commands/offerings.ts");
  const missing = new Option(
    "--missing <what>",
    "what becomes of offerings that are not in the file, default keep",
  ).choices(["keep", "withdraw"]);
  const offerings = program.command("offerings").description("health offerings of Medlemstjenester (step 1)");
  offerings
    .command("publish")
    .description("send the offerings of a JSON file, as far as they changed since the last time")
    .argument("<file>")
    .option(...configOption)
    .addOption(missing)
    .option("--force", "send also what is unchanged")
    .option("--dry-run", "tell what would be sent, and send nothing")
    .option("--report <file>", "write the result as JSON too")
    .option("--json", "one object: result, changes, bundles, settings")
    .action(async (file, options) => finish(await (await load()).publishOfferings(file, options, io)));
  offerings
    .command("diff")
    .description("what publishing would change, by path; exit code 1 when something differs")
    .argument("<file>")
    .option(...configOption)
    .addOption(missing)
    .option("--report <file>", "write the result as JSON too")
    .option("--json", "one object: result, changes, bundles, settings")
    .action(async (file, options) => finish(await (await load()).diffOfferings(file, options, io)));
  offerings
    .command("withdraw")
    .description("withdraw offerings by GUID, by the rule of the setting offeringWithdrawal")
    .argument("<id...>")
    .option(...configOption)
    .option("--dry-run", "tell what would be sent, and send nothing")
    .option("--report <file>", "write the result as JSON too")
    .option("--json", "one object: result, changes, bundles, settings")
    .action(async (ids, options) => finish(await (await load()).withdrawOfferings(ids, options, io)));
}

function addJournal(program: Command, io: CliIo, finish: (code: ExitCode) => void): void {
  const load = () => import("./commands/journal.ts");
  const journal = program
    .command("journal")
    .description("what the journal holds: messages that were set aside, keys at rest, retention");
  const box = "inbox (came in) or outbox (goes out)";
  journal
    .command("aside")
    .description("messages that were set aside, without their content; exit code 1 when there are any")
    .argument("<box>", box)
    .option(...configOption)
    .option("--limit <n>", "at most this many, from 1 to 1000", "100")
    .option("--after <id>", "go on behind this one")
    .option("--json", "one list")
    .action(async (name, options) => finish(await (await load()).listAside(name, options, io)));
  journal
    .command("retry")
    .description("handle or send one again, with all its tries before it")
    .argument("<box>", box)
    .argument("<id>", "as `aside` names it")
    .option(...configOption)
    .option("--message-id <uuid>", "a new AMQP id, for one that the receiver's transport has refused")
    .action(async (name, id, options) => finish(await (await load()).retryAside(name, id, options, io)));
  journal
    .command("drop")
    .description("give one up: its content is deleted, its ids stay known")
    .argument("<box>", box)
    .argument("<id>", "as `aside` names it")
    .option(...configOption)
    .option("--reason <code>", "kept with it", "operator/dropped")
    .option("--yes", "needed: there is no way back")
    .action(async (name, id, options) => finish(await (await load()).dropAside(name, id, options, io)));
  journal
    .command("rotate-keys")
    .description("encrypt older rows with the present key; may be stopped and run again")
    .option(...configOption)
    .option("--quiet", "no progress on standard error")
    .option("--json", "one object: done, left")
    .action(async (options) => finish(await (await load()).rotateKeys(options, io)));
  journal
    .command("prune")
    .description("delete by age and size what is finished; what is unfinished stays")
    .option(...configOption)
    .option("--payloads-older-than <time>", "empty payloads: a number with s, m, h or d")
    .option("--payload-bytes <size>", "empty the oldest payloads until all hold no more: bytes, or with KB, MB, GB")
    .option("--rows-older-than <time>", "delete rows whole: duplicates of them are no longer known")
    .option("--quarantined", "also what was set aside, in either box")
    .option("--quiet", "no progress on standard error")
    .option("--json", "one object of counts")
    .action(async (options) => finish(await (await load()).pruneJournal(options, io)));
}

function addMembers(program: Command, io: CliIo, finish: (code: ExitCode) => void): void {
  const load = () => import("./commands/members.ts");
  const members = program
    .command("members")
    .description("the member list of Medlemstjenester (step 2), kept in the journal that the configuration names");
  const sending = (command: Command): Command =>
    command
      .option(...configOption)
      .option("--report <file>", "write the report: .json, .csv, or else as text")
      .option("--members <file>", "write every member with a result in this run: .ndjson, or else CSV; without numbers")
      .option("--with-numbers", "with the numbers of persons in that file, which only you may read then")
      .option("--no-aktivsjekk", "send members who were not active again without asking AktivSjekken first")
      .option("--batch-start <n>", "members in the first call")
      .option("--batch-max <n>", "members in a call, at most")
      .option("--parallel <n>", "calls at a time, default 1")
      .option("--quiet", "no progress")
      .option("--json", "the report as one object");
  sending(
    members
      .command("sync")
      .description("compare a CSV or NDJSON file of members with what Helsenorge has, and send the difference")
      .argument("<file>", "- for standard input"),
  )
    .option("--dry-run", "tell what would be sent, and send nothing")
    .addOption(
      new Option(
        "--mode <mode>",
        "full: who is not in the file is withdrawn; delta: only what is in it changes",
      ).choices(["full", "delta"]),
    )
    .option("--max-withdrawals <share>", "share of the members that a run may withdraw, from 0 to 1, default 0.1")
    .option("--allow-withdrawals", "consent to more than that, or to an empty file")
    .option("--withdraw-despite-errors", "withdraw who is absent although lines could not be used")
    .option("--issues <file>", "write every finding about a line, as CSV")
    .addOption(new Option("--format <format>", "default: by name and first character").choices(["csv", "ndjson"]))
    .addOption(
      new Option("--delimiter <name>", "default: the one that the header has most of").choices([
        "comma",
        "semicolon",
        "tab",
      ]),
    )
    .addOption(encodingOption())
    .addOption(
      new Option("--dates <form>", "yyyy-mm-dd (iso, default), dd.mm.yyyy (norwegian), or both").choices([
        "iso",
        "norwegian",
        "both",
      ]),
    )
    .option("--column <column=name>", "header of a column: fnr=, from=, to= or organisation=", several)
    .option("--no-header", "the first line is data: fnr, from, to, organisation")
    .option("--from <date>", "start of those who have none in the file")
    .option("--to <date>", "end of those who have none in the file")
    .addOption(controlDigitsOption())
    .action(async (file, options) => finish(await (await load()).syncMembers(file, options, io)));
  sending(
    members
      .command("retry")
      .description("send what waits, without a file: open batches, and members whose date has come"),
  )
    .option("--everything", "also those whose date has not come, and those who were refused")
    .action(async (options) => finish(await (await load()).retryMembers(options, io)));
  members
    .command("status")
    .description("how many members have which result, and what waits")
    .option(...configOption)
    .option("--json", "one object")
    .action(async (options) => finish(await (await load()).memberStatus(options, io)));
  members
    .command("explain")
    .description("everything known of one membership; exit code 1 when nothing is")
    .argument("<id>", "id of the register; - reads a person's number from standard input")
    .option(...configOption)
    .option("--json", "one list")
    .action(async (id, options) => finish(await (await load()).explainMember(id, options, io)));
}
