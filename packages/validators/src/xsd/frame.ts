import type { CompiledModel } from "./compile.ts";
import type { ElementRule, TypeRule, WildcardRule } from "./rules.ts";

/** One open element of the document under validation. */
export interface Frame {
  /** Local name, for the path. */
  readonly name: string;
  /** Position among equals, from 1; 0 where the schema allows one only. */
  readonly index: number;
  readonly rule: ElementRule | undefined;
  readonly type: TypeRule;
  readonly model: CompiledModel | undefined;
  /** Offset of the end of the start tag. */
  readonly offset: number;
  readonly nil: boolean;
  state: number;
  text: string;
  /** The state in which an unknown element stood: it is taken for the one that is missing there. */
  stray: number | undefined;
  textReported: boolean;
  counts: Map<string, number> | undefined;
  /** Namespace read as the type's own, and that own namespace. */
  variant: { readonly from: string; readonly to: string } | undefined;
  hasElements: boolean;
  /** Global attributes that unknown elements in it may have. */
  readonly declared: WildcardRule["declared"];
}

/** `/MsgHead/MsgInfo/Sender/Organisation/Ident[1]`. */
export function pathOf(frames: readonly Frame[]): string {
  let path = "";
  for (const f of frames) path += f.index > 0 ? `/${f.name}[${f.index}]` : `/${f.name}`;
  return path;
}
