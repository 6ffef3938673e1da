declare const kind: unique symbol;

/**
 * An id counts from 0 within a run, each kind on its own. It is a number that the compiler takes for no other kind of id, and
 * takes no other number for; when the program runs it is just a number.
 */
type Id<Kind extends string> = number & { readonly [kind]: Kind };

export type RequestId = Id<'request'>;
export type GroupId = Id<'group'>;
export type InstanceId = Id<'instance'>;

/** Makes a number the id of a request, where ids are given out. Everything else gets ids from there, through a request or a view. */
export function asRequestId(number: number): RequestId {
  return number as RequestId;
}

/** Makes a number the id of a group, where ids are given out. */
export function asGroupId(number: number): GroupId {
  return number as GroupId;
}

/** Makes a number the id of an instance, where ids are given out. */
export function asInstanceId(number: number): InstanceId {
  return number as InstanceId;
}
