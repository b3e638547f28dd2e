import { flushCompileCache } from "node:module";
import { createSelvbetjeningClient } from "@helsekontakt/rest-client";
import { createFileKeyStore, createKeyRotation, type KeyStore } from "../../src/index.ts";

// One rotation in a process of its own, that is killed (SIGKILL, as by `kill -9`) at the point that the parent names.

// A process that is killed would leave nothing of what it compiled to the next one.
flushCompileCache();

const [file, issuer, clientId, baseUrl, point = "none"] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string?,
];
const die = (here: string): void => {
  if (here === point) process.kill(process.pid, "SIGKILL");
};
const inner = createFileKeyStore(file);
let saves = 0;
const store: KeyStore = {
  ...inner,
  async save(keys) {
    saves++;
    die(`before save ${saves}`);
    await inner.save(keys);
    die(`after save ${saves}`);
  },
};
const rotation = createKeyRotation({
  store,
  algorithm: "ES256",
  source: { issuer, clientId, allowInsecureLoopback: true },
  registry(fetch) {
    const client = createSelvbetjeningClient({ baseUrl, fetch });
    return {
      listKeys: (options) => client.listKeys(options),
      async registerKey(key, options) {
        die("before register");
        const answer = await client.registerKey(key, options);
        die("after register");
        return answer;
      },
    };
  },
  onStep: (step) => die(step),
});
const report = await rotation.rotate();
process.stdout.write(JSON.stringify(report));
