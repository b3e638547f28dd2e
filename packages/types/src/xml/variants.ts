import { splitClark } from "./names.ts";

/**
 * The one element whose children stand in different namespaces in different public copies of the same schema:
 * the standards archive types `OtherReceiver/Person` of MsgHead with felleskomponent1's `Person`. Readers take both; an
 * object that was read so carries `$ns`, and is written so again.
 */
const variants = [{ parent: "OtherReceiver", child: "Person", own: "/msghead/2006-05-24", other: "/felleskomponent1" }];

/**
 * The namespace in which to look up the children of an element that uses the variant namespace.
 *
 * @param parentType - Clark name of the type that declares `child`.
 * @param child - local name of the element whose children are being read.
 * @param ns - the namespace of its first child.
 */
export function variantNamespace(parentType: string, child: string, ns: string): string | undefined {
  for (const v of variants) {
    if (child !== v.child || !ns.endsWith(v.other)) continue;
    const { ns: own, local } = splitClark(parentType);
    if (own.endsWith(v.own) && local.startsWith(v.parent)) return own;
  }
  return undefined;
}
