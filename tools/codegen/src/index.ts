export { runGenerator } from "./cli.ts";
export { GeneratorError } from "./generator-error.ts";
export { docComment, header } from "./header.ts";
export { byCodeUnit, readManifest, type SpecEntry, sha256OfFile, updateManifest } from "./manifest.ts";
export { isIdentifier, propertyKey, quote, typeName } from "./names.ts";
export { type GeneratedFile, listFiles, writeGenerated } from "./output.ts";
export { readStrictJson, type StrictObject } from "./strict-json.ts";
