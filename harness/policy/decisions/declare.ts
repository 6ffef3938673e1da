import { z } from 'zod';
import type { Capabilities } from '../capabilities.ts';
import { record } from '../fields.ts';
import type { DecidingMoment } from '../moments.ts';

/** What a decision is about: requests, groups as they serve, or the instances that there are and their roles. */
export type Subject = 'requests' | 'groups' | 'instances';

interface Declaration<
  Kind extends string,
  About extends Subject,
  Fields extends z.core.$ZodShape,
  At extends DecidingMoment,
  Refused extends string,
> {
  readonly kind: Kind;
  readonly subject: About;
  /** What the core does, in a sentence or a few, for whoever writes a policy. */
  readonly summary: string;
  /** All fields but `kind` and `reason`, each with a description. */
  readonly fields: Fields;
  /** What a policy has to declare before it decides this; `undefined` where that is nothing. */
  readonly capability: keyof Capabilities | undefined;
  /** The moments that it answers; it is refused at any other. */
  readonly moments: readonly At[];
  /** Why the core may refuse it although its fields are right; `{name}` stands for what differs from time to time. */
  readonly refusals: readonly Refused[];
}

/** Declares a kind of decision. The type of the decision, its checks and its row in `policies/README.md` come from here. */
export function declareDecision<
  const Kind extends string,
  const About extends Subject,
  Fields extends z.core.$ZodShape,
  const At extends DecidingMoment,
  const Refused extends string,
>(declaration: Declaration<Kind, About, Fields, At, Refused>) {
  const { kind, fields } = declaration;
  return { ...declaration, schema: record({ kind: z.literal(kind), ...fields, reason: z.string() }) };
}

/** A refusal with anything in place of its `{name}`s. */
export type Filled<Refused extends string> = Refused extends `${infer Before}{${string}}${infer After}`
  ? `${Before}${string}${Filled<After>}`
  : Refused;
