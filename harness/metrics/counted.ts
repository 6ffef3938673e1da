import { z } from 'zod';
import type { RequestClass } from '../domain/workload.ts';
import type { Counted } from './outcomes.ts';

const countedSchema = z.object({
  classes: z.array(
    z.object({
      name: z.string(),
      priority: z.number(),
      slo: z.object({ ttftUs: z.number().optional(), tpotUs: z.number().optional() }),
    }),
  ),
  steadyWindow: z.object({ startUs: z.number(), endUs: z.number() }).optional(),
});

/** Reads from the configuration of a results folder how its requests are judged: none of it where it says nothing. */
export function countedOf(config: unknown): Counted {
  const { classes = [], steadyWindow: window } = countedSchema.safeParse(config).data ?? {};
  return { classes: classes.map(classOf), ...(window !== undefined && { window }) };
}

function classOf({
  name,
  priority,
  slo: { ttftUs, tpotUs },
}: z.infer<typeof countedSchema>['classes'][number]): RequestClass {
  const slo = { ...(ttftUs !== undefined && { ttftUs }), ...(tpotUs !== undefined && { tpotUs }) };
  return { name, priority, slo };
}
