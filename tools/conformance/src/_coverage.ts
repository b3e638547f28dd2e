import { Session } from "node:inspector";

/** Which blocks of the packages' code have run, from the engine's own counters. */
export interface Coverage {
  /** Blocks that ran since the last call and never before it; they count as seen afterwards. */
  fresh(): number;
  /** The same, without counting them as seen. */
  peek(): boolean;
  /** Counts no longer, so that the code runs at its own speed again. */
  stop(): void;
  /** Blocks seen at all. */
  readonly seen: number;
}

interface Taken {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly {
      readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[];
    }[];
  }[];
}

/** Starts counting, for scripts whose address contains one of the parts. */
export function startCoverage(parts: readonly string[]): Coverage {
  const session = new Session();
  session.connect();
  const post = (method: string, params?: object): unknown => {
    let answer: unknown;
    // Answers of a session in the same thread come before the call returns.
    session.post(method, params, (error, result) => {
      if (error) throw error;
      answer = result;
    });
    return answer;
  };
  post("Profiler.enable");
  post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  const seen = new Set<string>();
  const take = (): string[] => {
    const { result } = post("Profiler.takePreciseCoverage") as Taken;
    const out: string[] = [];
    for (const { url, functions } of result) {
      if (!parts.some((p) => url.includes(p))) continue;
      for (const { ranges } of functions)
        for (const r of ranges) {
          if (r.count === 0) continue;
          const key = `${url.slice(-40)}:${r.startOffset}:${r.endOffset}`;
          if (!seen.has(key)) out.push(key);
        }
    }
    return out;
  };
  return {
    fresh() {
      const found = take();
      for (const key of found) seen.add(key);
      return found.length;
    },
    peek: () => take().length > 0,
    stop() {
      post("Profiler.stopPreciseCoverage");
      session.disconnect();
    },
    get seen() {
      return seen.size;
    },
  };
}
