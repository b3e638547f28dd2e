import { dirname, join, relative } from "node:path";
import { HelsekontaktError } from "@helsekontakt/core";
import { type DigitalStatus, type Sandbox, startSandbox, writeIdentities } from "@helsekontakt/sandbox";
import { writeOutput } from "../files.ts";
import { type CliIo, type ExitCode, printJson } from "../io.ts";

export interface SandboxCommandOptions {
  readonly helseidPort?: string;
  readonly restPort?: string;
  readonly registriesPort?: string;
  readonly amqpPort?: string;
  readonly dir: string;
  readonly capture?: boolean;
  readonly json?: boolean;
  /** Where to write a configuration file that leads to this sandbox. */
  readonly configOut?: string;
}

/** Citizens of each status that are shown as test identities. */
const SHOWN = 3;

/**
 * `helsekontakt sandbox`: starts the sandbox alone, prints how to reach it, and runs until SIGINT or SIGTERM.
 *
 * Everything that it prints and writes is synthetic and made at this start.
 *
 * @throws {HelsekontaktError} `config/invalid` when a port is taken; `input/invalid` for a port that is no port.
 */
export async function sandbox(options: SandboxCommandOptions, io: CliIo): Promise<ExitCode> {
  // Heard from the start, so that a signal during the start ends it cleanly too.
  const stopped = stopSignal();
  try {
    const running = await startSandbox({
      ports: {
        ...port("helseid", options.helseidPort),
        ...port("rest", options.restPort),
        ...port("registries", options.registriesPort),
        ...port("amqp", options.amqpPort),
      },
      ...(options.capture === true ? { captureDir: join(options.dir, "exchanges") } : {}),
    });
    try {
      const facts = await describe(running, options);
      if (options.json === true) printJson(io, facts);
      else io.out(human(facts));
      await stopped.signal;
    } finally {
      await running.close();
    }
    if (options.json !== true) io.out("Sandbox stopped\n");
    return 0;
  } finally {
    stopped.forget();
  }
}

function stopSignal(): { readonly signal: Promise<void>; forget(): void } {
  let stop = (): void => undefined;
  const signal = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const heard = (): void => stop();
  process.once("SIGINT", heard);
  process.once("SIGTERM", heard);
  return {
    signal,
    forget() {
      process.off("SIGINT", heard);
      process.off("SIGTERM", heard);
    },
  };
}

function port(name: string, text: string | undefined): Record<string, number> {
  if (text === undefined) return {};
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 65_535) return { [name]: value };
  throw new HelsekontaktError("input/invalid", `expected --${name}-port as a number from 0 to 65535`, {
    hint: "0 takes any free port",
  });
}

interface SandboxFacts {
  readonly helseid: { readonly issuer: string; readonly selfServiceBaseUrl: string };
  readonly rest: { readonly baseUrl: string };
  readonly registries: { readonly cppaBaseUrl: string; readonly communicationPartyBaseUrl: string };
  readonly amqp: {
    readonly url: string;
    readonly host: string;
    readonly port: number;
    readonly username: string;
    readonly password: string;
    readonly namespace: string;
  };
  readonly client: {
    readonly clientId: string;
    readonly organisationNumber: string;
    /** The private key, as JWK. */
    readonly jwkFile: string;
  };
  /** Folder with the PEM files of the authority and of both sides. */
  readonly identities: string;
  readonly parties: readonly { readonly herId: string; readonly name: string; readonly owner: string }[];
  /** National identity numbers of a few synthetic citizens, by how they can be reached. */
  readonly citizens: Readonly<Record<string, readonly string[]>>;
  readonly exchanges: string | null;
  readonly config: string | null;
}

async function describe(running: Sandbox, options: SandboxCommandOptions): Promise<SandboxFacts> {
  const jwkFile = join(options.dir, "client.jwk.json");
  const identities = join(options.dir, "identities");
  await writeOutput(jwkFile, `${JSON.stringify(running.client.jwk, undefined, 2)}\n`, 0o600);
  await writeIdentities(running.identities, identities);
  if (options.configOut !== undefined)
    await writeConfig(running, options.configOut, { dir: options.dir, jwkFile, identities });
  const url = new URL(running.amqp.url);
  const citizens: Record<string, string[]> = {};
  for (const { status, fnr } of running.citizens) {
    const shown = (citizens[status] ??= []);
    if (shown.length < SHOWN) shown.push(fnr);
  }
  return {
    helseid: { issuer: running.helseid.issuer, selfServiceBaseUrl: running.selfService.baseUrl },
    rest: { baseUrl: running.rest.baseUrl },
    registries: running.registries,
    amqp: {
      url: running.amqp.url,
      host: url.hostname,
      port: Number(url.port),
      username: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      namespace: running.amqp.namespace,
    },
    client: {
      clientId: running.client.clientId,
      organisationNumber: running.client.organisationNumber,
      jwkFile,
    },
    identities,
    parties: running.parties.map(({ herId, name, owner }) => ({ herId, name, owner })),
    citizens,
    exchanges: options.capture === true ? join(options.dir, "exchanges") : null,
    config: options.configOut ?? null,
  };
}

/** The configuration file of an application that speaks with this sandbox; keys stay in the files where they are. */
async function writeConfig(
  { config }: Sandbox,
  file: string,
  places: { readonly dir: string; readonly jwkFile: string; readonly identities: string },
): Promise<void> {
  const from = (path: string): { readonly file: string } => ({
    file: relative(dirname(file), path).replaceAll("\\", "/"),
  });
  const identity = (use: string): object => ({
    pem: from(join(places.identities, `provider-${use}.key.pem`)),
    certificate: from(join(places.identities, `provider-${use}.crt.pem`)),
  });
  const { organisation, helsenorge, helseid, rest, registry, amqp } = config;
  const content = {
    environment: config.environment,
    organisation,
    helsenorge,
    helseid: {
      issuer: helseid.issuer,
      selfServiceBaseUrl: helseid.selfServiceBaseUrl,
      clientId: helseid.clientId,
      key: { jwk: from(places.jwkFile) },
    },
    rest,
    registry,
    amqp,
    keys: { signing: identity("signing"), decryption: [identity("encryption")] },
    journal: { sqlite: from(join(places.dir, "journal.sqlite")).file },
  };
  await writeOutput(file, `${JSON.stringify(content, undefined, 2)}\n`, 0o600);
}

/** The statuses in words. */
const reach: Readonly<Record<DigitalStatus, string>> = {
  self: "reached themselves",
  representative: "through a representative",
  assigned: "through an assigned one",
  none: "not active",
  unknown: "unknown to Helsenorge",
};

function human(facts: SandboxFacts): string {
  const { amqp, client, citizens } = facts;
  const lines = [
    "Sandbox is running; everything in it is synthetic",
    "",
    `HelseID         ${facts.helseid.issuer}`,
    `Self service    ${facts.helseid.selfServiceBaseUrl}`,
    `REST            ${facts.rest.baseUrl}`,
    `CPPA            ${facts.registries.cppaBaseUrl}`,
    `Parties         ${facts.registries.communicationPartyBaseUrl}`,
    `AMQP 1.0        amqp://${amqp.host}:${amqp.port}, namespace ${amqp.namespace}, user ${amqp.username}, password ${amqp.password}`,
    "",
    `Client          ${client.clientId}, organisation ${client.organisationNumber}`,
    `Private key     ${client.jwkFile}`,
    `Certificates    ${facts.identities}`,
    "",
    "Parties",
    ...facts.parties.map((p) => `  HER-id ${p.herId}  ${p.owner.padEnd(10)}  ${p.name}`),
    "",
    "Citizens",
    ...Object.entries(citizens).map(
      ([status, fnrs]) => `  ${(reach[status as DigitalStatus] ?? status).padEnd(25)} ${fnrs.join(" ")}`,
    ),
    ...(facts.exchanges === null ? [] : ["", `Exchanges are written to ${facts.exchanges}`]),
    ...(facts.config === null ? [] : ["", `Configuration   ${facts.config}`]),
    "",
    "Stop with Ctrl-C, or SIGTERM",
  ];
  return `${lines.join("\n")}\n`;
}
