import { z } from 'zod';
import type { GroupId, RequestId } from '../domain/ids.ts';
import { describeValue } from './describe-value.ts';

interface ErrorParams {
  readonly error: z.core.$ZodErrorMap;
}

/** The error of a field that is not `what`; `problemOf` puts the name of the field before it. */
function mustBe(what: string): ErrorParams {
  return { error: ({ input }) => `must be ${what}, got ${describeValue(input)}` };
}

/** Checks that an id is a whole number. Whether it is of the right kind only the compiler can tell; whether it is there, the core. */
function idOf<Id extends number>(what: string): z.ZodType<Id, Id> {
  return z.number(mustBe(what)).refine(Number.isInteger, mustBe(what)) as z.ZodType as z.ZodType<Id, Id>;
}

/** The id of a group that the view shows. */
export const groupId = idOf<GroupId>('the id of a group');

/** The id of a request that the view shows. */
export const requestId = idOf<RequestId>('the id of a request');

/** An integer of at least 1, however large. */
export const count = z
  .number(mustBe('an integer of at least 1'))
  .min(1, mustBe('an integer of at least 1'))
  .refine(Number.isInteger, mustBe('an integer of at least 1'));

export const flag = z.boolean(mustBe('true or false'));

/** The role of instances, a name in letters, digits and dashes. */
export const role = z
  .string(mustBe('letters, digits and dashes'))
  .regex(/^[A-Za-z0-9-]+$/, mustBe('letters, digits and dashes'));

/** A number from 0 up to, but not including, 1. */
export const ratio = z
  .number(mustBe('a number from 0 up to, but not including, 1'))
  .min(0, mustBe('a number from 0 up to, but not including, 1'))
  .lt(1, mustBe('a number from 0 up to, but not including, 1'));

/** One of these strings. */
export function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, mustBe(values.map((value) => `"${value}"`).join(' or ')));
}

function isDistinct(list: readonly unknown[]): boolean {
  return new Set(list).size === list.length;
}

/** A list of at least `min` items, each there once. */
export function distinct<Item extends z.ZodType>(item: Item, min: number, what: string) {
  return z.array(item, mustBe(what)).min(min, mustBe(what)).refine(isDistinct, mustBe(what)).readonly();
}

/** An object with these fields. Others are let pass: a policy may note more than the core reads. */
export function record<const Fields extends z.core.$ZodShape>(fields: Fields) {
  return z.object(fields, mustBe('an object'));
}

/** An object with these fields and no others: one that is not read would be a limit or a setting that silently does nothing. */
export function closedRecord<const Fields extends z.core.$ZodShape>(fields: Fields) {
  const names = Object.keys(fields).join(', ');
  return z.strictObject(fields, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `has no "${issue.keys.join('", "')}"; there are ${names}`
        : mustBe('an object').error(issue),
  });
}

/** One of several objects, told apart by their `kind`. */
export function variants<
  const Options extends readonly [z.core.$ZodTypeDiscriminable, ...z.core.$ZodTypeDiscriminable[]],
>(options: Options, kinds: readonly string[]) {
  return z.discriminatedUnion('kind', options, mustBe(`one of "${kinds.join('", "')}"`));
}

/**
 * Returns the first thing that is wrong with an answer, in words that begin with the path of the field, or `undefined` if
 * the answer is what the schema says. `name` stands for the answer as a whole.
 */
export function problemOf(schema: z.ZodType, name: string, answer: unknown): string | undefined {
  const [issue] = schema.safeParse(answer).error?.issues ?? [];
  if (issue === undefined) return undefined;
  return `${issue.path.length === 0 ? name : issue.path.join('.')} ${issue.message}`;
}
