import { describeWire, environments } from "@helsekontakt/sdk";
import { z } from "zod";
import { fromFile, journal, milliseconds, network, reference, secret, tls, transport } from "./parts.ts";
import { isPlain } from "./references.ts";

// The one source of the configuration file's form: its check, its types and the JSON Schema for editors.

const herId = z
  .string()
  .regex(/^[1-9]\d{0,9}$/)
  .describe("HER-id, digits, from Adresseregisteret.");
const partyLevel = { herId, name: z.string().min(1) };
const algorithm = z.enum(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]);
const keyId = z.string().min(1).describe("Key id under which HelseID knows the public half.");

const clientKey = z
  .union([
    z.strictObject({ jwk: z.union([...reference, z.looseObject({ kty: z.string() })]), kid: keyId.optional() }),
    z.strictObject({ pem: secret, kid: keyId, alg: algorithm, passphrase: secret.optional() }),
    z.strictObject({ pkcs12: fromFile, kid: keyId, alg: algorithm, passphrase: secret.optional() }),
    z.strictObject({
      store: z.string().min(1).describe("Key store of `keys rotate`, from the file's own folder."),
      passphrase: secret.optional(),
    }),
  ])
  .meta({ title: "ClientKey" });

const identity = z
  .union([
    z.strictObject({
      pem: secret.describe("Private key, and its certificate where that is in the same text."),
      certificate: secret.optional().describe("Certificate and issuers in PEM, where the key stands alone."),
      passphrase: secret.optional(),
    }),
    z.strictObject({ pkcs12: fromFile, passphrase: secret.optional() }),
  ])
  .meta({ title: "Identity" });

/** Names and values as the interface's own document states them. */
function wireShape(): Record<string, z.ZodOptional<z.ZodType>> {
  return Object.fromEntries(
    describeWire().map(({ name, values, reason }) => {
      const value = values === undefined ? z.string().min(1) : z.enum(values as readonly [string, ...string[]]);
      return [name, (reason === undefined ? value : value.describe(`Inferred: ${reason}`)).optional()];
    }),
  );
}

/** What only a module can hold: callbacks, opened journals, keys in an HSM. The SDK's own form passes through. */
const inModule = z.custom<object>(
  (value) => typeof value === "function" || (isObject(value) && (!isPlain(value) || Object.values(value).some(isLive))),
);

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isLive(value: unknown): boolean {
  return typeof value === "function" || (isObject(value) && !isPlain(value));
}

/**
 * The form of the configuration.
 *
 * @param module - whether values may also be objects that JSON cannot hold.
 */
export function configSchema(module: boolean) {
  const or = <T extends z.ZodType>(schema: T): z.ZodType => (module ? z.union([schema, inModule]) : schema);
  return z.strictObject({
    $schema: z.string().optional().describe("For editors."),
    environment: z.enum(Object.keys(environments) as [string, ...string[]]).describe("LOCAL is the sandbox."),
    organisation: z.strictObject({
      ...partyLevel,
      organisationNumber: z.string().regex(/^\d{9}$/),
      services: z.array(z.strictObject(partyLevel)).min(1).describe("Level 2; the first is the default sender."),
    }),
    helsenorge: z.strictObject({
      ...partyLevel,
      organisationNumber: z.string().optional(),
      service: z.strictObject(partyLevel),
    }),
    helseid: z
      .strictObject({
        clientId: z.string().min(1),
        key: or(clientKey),
        issuer: z.string().optional(),
        selfServiceBaseUrl: z
          .string()
          .optional()
          .describe("HelseID's self service for keys; the environment's by default."),
        binding: z.enum(["dpop", "bearer"]).optional(),
      })
      .optional(),
    rest: z
      .strictObject({
        baseUrl: z.string().optional(),
        scopes: z
          .strictObject({ aktivsjekken: z.string().optional(), helsekontakter: z.string().optional() })
          .optional(),
        aktivsjekken: z
          .strictObject({
            omraade: z
              .enum(["name", "code", "name-then-code"])
              .optional()
              .describe("Inferred: the area by name, or by its integer in Volven 7618."),
          })
          .optional(),
        bodies: z
          .enum(["off", "warning", "error"])
          .describe("whether bodies are judged by the APIs' documents; default off")
          .optional(),
        timeoutMs: milliseconds.optional(),
        transport: or(transport).optional(),
        network: network.optional(),
      })
      .optional(),
    medlemstjenester: z.strictObject(wireShape()).optional(),
    amqp: z
      .strictObject({
        url: secret.optional(),
        username: z.string().optional(),
        password: or(secret).optional(),
        queues: z.strictObject({ async: z.string().optional(), error: z.string().optional() }).optional(),
        concurrency: z.int().positive().optional(),
        readAhead: z.int().positive().optional().describe("Messages taken from the broker at a time."),
        functionLimits: z
          .record(z.string().min(1), z.int().positive())
          .optional()
          .describe("How many messages of a function are taken in at a time."),
        ...(module ? { orderBy: inModule.optional() } : {}),
        namespace: z.string().min(1).optional().describe("The exchange, case-sensitive."),
        dialect: z.enum(["auto", "rabbitmq", "rabbitmq-v2", "servicebus", "plain"]).optional(),
        tls: tls.optional(),
        idleTimeoutMs: milliseconds.optional(),
        metadata: z.boolean().optional().describe("Whether the X-… facts of the payload are put out."),
      })
      .optional(),
    registry: z
      .strictObject({
        cppaBaseUrl: z.string().optional(),
        communicationPartyBaseUrl: z.string().optional(),
        addressRegistry: z.enum(["rest", "soap"]).optional().describe("Which interface of it is asked."),
        collaborationRegistry: z.enum(["rest", "soap"]).optional().describe("Which interface of it is asked."),
        soap: z
          .strictObject({
            url: z.string().optional(),
            cppaUrl: z.string().optional(),
            binding: z.enum(["basic", "wsHttp"]).optional(),
            username: z.string().min(1),
            password: or(secret),
          })
          .optional()
          .describe("The SOAP services, with NHN's OrgUsr."),
        functionsWithoutProfile: z.array(z.string().min(1)).optional(),
        dummies: z.enum(["allow", "refuse"]).optional().describe("Parties without agreement and profile."),
        checks: z.enum(["strict", "lenient"]).optional().describe("Inactive parties, agreements not in force."),
        events: z.strictObject({ userSystemIdent: z.string().min(1) }).optional(),
        cache: z
          .strictObject({
            softMs: milliseconds.optional(),
            hardMs: milliseconds.optional(),
            missingMs: milliseconds.optional(),
            outageMs: milliseconds.optional(),
            pauseMs: milliseconds.optional(),
            maxEntries: z.int().positive().optional(),
            maxDocumentBytes: z.int().positive().optional(),
          })
          .optional(),
      })
      .optional(),
    keys: z.strictObject({ signing: or(identity), decryption: z.array(or(identity)).min(1) }).optional(),
    journal: or(journal).optional(),
    receiptDeadlineMs: milliseconds.optional(),
    leaseMs: milliseconds.optional(),
    personGuard: z.boolean().optional(),
    ...(module
      ? {
          logger: inModule.optional(),
          clock: inModule.optional(),
          keySource: inModule.optional(),
          trust: inModule.optional(),
        }
      : {}),
  });
}

/** JSON Schema of a configuration in JSON, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(configSchema(false), { target: "draft-7" }) as Record<string, unknown>;
}
