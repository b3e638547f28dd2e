import { parseArgs } from "node:util";
import { GeneratorError, writeGenerated } from "@helsekontakt/codegen";
import { folderProject, ruleFiles, specsProject, typeFiles } from "./project.ts";

const usage = "gen-xsd --specs DIR --target types|validators --out DIR | gen-xsd --from DIR --out DIR [--strict]";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      specs: { type: "string" },
      target: { type: "string" },
      from: { type: "string" },
      out: { type: "string" },
      strict: { type: "boolean" },
    },
    strict: true,
  });
  if (values.out === undefined) throw new GeneratorError("command line", undefined, "no --out", usage);
  if (values.from !== undefined) {
    const project = folderProject(values.from);
    const files = typeFiles(project, "@helsekontakt/types/xml", "@helsekontakt/types/xml", ".js").map((f) => ({
      ...f,
      path: `types/${f.path}`,
    }));
    files.push(
      ...ruleFiles(project, "@helsekontakt/validators", ".js").map((f) => ({ ...f, path: `rules/${f.path}` })),
    );
    writeGenerated(values.out, files);
    for (const r of project.refused) console.log(r.message);
    return;
  }
  const project = specsProject(values.specs as string, values.target as string);
  for (const r of project.refused) console.log(r.message);
  console.log(
    writeGenerated(
      values.out,
      values.target === "types"
        ? typeFiles(project, "../../xml/table.ts", "../../xml/tree.ts", ".ts")
        : ruleFiles(project, "../../xsd/rules.ts", ".ts"),
    ),
  );
}
await main();
