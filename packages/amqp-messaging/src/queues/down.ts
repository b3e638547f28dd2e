import type { HelsekontaktError } from "@helsekontakt/core";
import type { Transport } from "../connection/transport.ts";

type Listener = (error: HelsekontaktError) => void;

const listeners = new WeakMap<Transport, Set<Listener>>();

/**
 * @internal Tells when a connection is gone, until the function that is returned is called. Not `then` for each link: the
 * promise would keep every link of a long run until the connection ends.
 */
export function onDown(transport: Transport, listener: Listener): () => void {
  if (!transport.isUp()) {
    void transport.down.then(listener);
    return () => {};
  }
  let set = listeners.get(transport);
  if (set === undefined) {
    const made = new Set<Listener>();
    set = made;
    listeners.set(transport, made);
    void transport.down.then((error) => {
      for (const told of made) told(error);
      made.clear();
    });
  }
  set.add(listener);
  return () => set.delete(listener);
}
