import process from "node:process";
import { bundlePackage } from "./bundle.ts";

// Run by a package's own build, in its folder.
await bundlePackage(process.cwd());
