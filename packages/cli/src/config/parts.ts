import { z } from "zod";

/** Where a secret is, where it may not stand in the configuration itself. */
export const reference = [
  z.strictObject({ file: z.string().min(1).describe("Path, from the configuration file's own folder.") }),
  z.strictObject({ env: z.string().min(1).describe("Name of an environment variable; no other one is ever read.") }),
] as const;

export const secret = z
  .union([z.string().min(1), ...reference])
  .meta({ title: "Secret", description: "The text itself, or where it is: a file, or an environment variable." });

/** Bytes, which JSON cannot hold. */
export const fromFile = reference[0].meta({ title: "File" });

export const milliseconds = z.int().positive();

const journalSecret = z.union(reference).meta({
  title: "JournalSecret",
  description: "Where 32 random bytes are, raw or as base64 or hex; never the key itself.",
});
const journalKeyId = z.string().min(1).describe("Stored with every row; not secret.");

const encryptionKey = z
  .union([
    ...reference,
    z.strictObject({
      id: journalKeyId,
      secret: journalSecret,
      previous: z
        .array(z.strictObject({ id: journalKeyId, secret: journalSecret }))
        .optional()
        .describe("Keys that older rows may still be under."),
    }),
  ])
  .meta({ title: "JournalKey", description: 'Key of what is stored; a reference alone has the id "1".' });

export const journal = z
  .union([
    z.strictObject({
      sqlite: z.string().min(1).describe("Path of the database, from the file's own folder."),
      encryptionKey: encryptionKey.optional(),
    }),
    z.strictObject({
      postgres: secret.describe("postgres://user:password@host/database"),
      schema: z.string().optional().describe("Schema of the tables. Default helsekontakt."),
      encryptionKey: encryptionKey.optional(),
    }),
  ])
  .meta({ title: "Journal" });

/** How calls travel. Callbacks and clocks, which JSON cannot hold, are for applications. */
export const transport = z.strictObject({
  deadlineMs: milliseconds.optional().describe("For a call with all its tries."),
  retry: z
    .strictObject({
      tries: z.int().positive().optional(),
      baseMs: z.int().min(0).optional(),
      maxMs: z.int().min(0).optional(),
      timeoutMs: milliseconds.optional(),
    })
    .optional(),
  retryBudget: z
    .union([
      z.literal(false),
      z.strictObject({ tokens: z.int().positive().optional(), perSuccess: z.number().positive().max(1).optional() }),
    ])
    .optional(),
  breaker: z
    .union([
      z.literal(false),
      z.strictObject({ failures: z.int().positive().optional(), openMs: milliseconds.optional() }),
    ])
    .optional(),
  concurrency: z
    .union([
      z.literal(false),
      z.strictObject({ max: z.int().positive().optional(), maxWaiting: z.int().min(0).optional() }),
    ])
    .optional(),
  correlation: z.union([z.literal(false), z.strictObject({ header: z.string().min(1).optional() })]).optional(),
  maxAnswerBytes: z.int().positive().optional(),
  telemetry: z.boolean().optional(),
});

const authorities = z
  .union([z.string().min(1), ...reference])
  .describe("PEM of authorities that are trusted beside the public ones.");

export const network = z.strictObject({
  proxy: secret.optional().describe("http://host:port or https://…, with user and password where it asks for them."),
  ca: z.union([authorities, z.array(authorities).min(1)]).optional(),
  connections: z.int().positive().optional().describe("To one origin; as many as needed is the default."),
  keepAliveMs: milliseconds.optional(),
});

/** TLS to the broker. */
export const tls = z.strictObject({
  ca: z.union([authorities, z.array(authorities).min(1)]).optional(),
  servername: z.string().min(1).optional().describe("Name that the broker's certificate must have."),
  cert: z
    .union([z.string().min(1), ...reference])
    .optional()
    .describe("PEM of a client certificate."),
  key: z
    .union([z.string().min(1), ...reference])
    .optional()
    .describe("PEM of its private key."),
  minVersion: z.enum(["TLSv1.2", "TLSv1.3"]).optional(),
});
