import type { GroupId, InstanceId, RequestId } from '../harness/domain/ids.ts';

/** The same data with any number where there is an id. */
export type Plain<T> = T extends RequestId | GroupId | InstanceId
  ? number
  : T extends (...args: never) => unknown
    ? T
    : { [Key in keyof T]: Plain<T[Key]> };

/** Data as a test writes it, whose ids are the numbers that they say. */
export function withIds<T>(plain: Plain<T>): T {
  return plain as T;
}
