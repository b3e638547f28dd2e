import { HelsekontaktError } from "@helsekontakt/core";
import type { Offering } from "@helsekontakt/sdk";
import { z } from "zod";
import { faultsOf } from "./config/faults.ts";
import { readInput } from "./files.ts";

const location = z.strictObject({
  line: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  postalCode: z.string().min(1),
  city: z.string().min(1),
  phone: z.string().optional(),
  url: z.string().optional(),
});

const organisation = z.strictObject({
  organisationNumber: z.string().min(1),
  name: z.string().min(1),
  herId: z.string().min(1),
});

const offering = z.strictObject({
  id: z.string().min(1).describe("GUID; the same one updates the same offering."),
  name: z.string().min(1).describe("Shown to the citizen."),
  comment: z.string().optional(),
  active: z.boolean().optional(),
  herId: z.string().optional(),
  location: z.union([location, z.array(location)]).optional(),
  organisation: organisation.optional(),
});

const file = z.strictObject({ $schema: z.string().optional(), offerings: z.array(offering).min(1) });

/**
 * Reads an offerings file: `{ "offerings": [ … ] }`, or the list alone. Its form is the SDK's `Offering`.
 *
 * @throws {HelsekontaktError} `input/invalid` with every fault at once, each with its path
 */
export async function readOfferingsFile(path: string): Promise<readonly Offering[]> {
  const text = (await readInput(path)).toString("utf8").replace(/^\uFEFF/, "");
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new HelsekontaktError("input/invalid", `expected JSON in ${path}, found another text`, {
      hint: 'an offerings file is { "offerings": [ { "id", "name", … } ] }',
    });
  }
  const checked = file.safeParse(Array.isArray(raw) ? { offerings: raw } : raw, { reportInput: true });
  if (checked.success) return checked.data.offerings as readonly Offering[];
  const faults = faultsOf(checked.error.issues, z.toJSONSchema(file) as Record<string, unknown>);
  throw new HelsekontaktError(
    "input/invalid",
    `expected offerings in ${path}, found ${faults.length} fault(s):${faults.map((f) => `\n  ${f.path === "" ? "(whole)" : f.path}: expected ${f.expected}`).join("")}`,
    { context: { paths: faults.map((f) => f.path) }, hint: 'an offering has at least "id" (a GUID) and "name"' },
  );
}
