// Runs xsd2ts in a process of its own: it keeps state in its modules and prints to the console without being asked.
// In: the flat schema on standard input. Out: `[class, [[property, type], ...]][]` as JSON on standard output.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

interface FileDefinition {
  readonly classes: readonly {
    readonly name: string;
    readonly properties: readonly { readonly name: string; readonly type: { readonly text: string } }[];
  }[];
}

for (const method of ["log", "info", "warn", "error", "debug"] as const) console[method] = () => undefined;
const { ClassGenerator } = createRequire(import.meta.url)("xsd2ts/classGenerator") as {
  readonly ClassGenerator: new (
    dependencies: Readonly<Record<string, string>>,
  ) => { generateClassFileDefinition(xsd: string): FileDefinition };
};
const file = new ClassGenerator({}).generateClassFileDefinition(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(file.classes.map((c) => [c.name, c.properties.map((p) => [p.name, p.type.text])])));
