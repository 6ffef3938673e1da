import { declares } from '../policy/capabilities.ts';
import type { Policy } from '../policy/index.ts';
import { actingMoments, moments } from '../policy/moments.ts';
import { require } from './require.ts';
import type { Trials } from './trials.ts';

export function checkParams({ definition: { params: schema }, params }: Trials): string {
  const defaults = schema.safeParse({});
  require(defaults.success, `without parameters: ${defaults.error?.message ?? ''}`);
  const unknown = schema.safeParse({ 'no-such-parameter': 1 });
  require(!unknown.success, 'an unknown parameter is accepted: declare the parameters with z.strictObject');
  const { success, data, error } = schema.safeParse(params);
  require(success, `with ${JSON.stringify(params)}: ${error?.message ?? ''}`);
  return JSON.stringify(data);
}

const names: readonly string[] = [...moments, 'tickUs' satisfies keyof Policy];

/** The moments in which a policy can use a capability on its own initiative. */
const momentsOf = {
  preempts: actingMoments,
  migrates: actingMoments,
  scales: ['initialInstances', ...actingMoments],
} as const;

/** Checks what `create` has returned, with whatever parameters. */
export function checkCapabilities({ definition: { capabilities }, createdKeys }: Trials): string {
  const has = (moment: keyof Policy): boolean => createdKeys.has(moment);
  const unknown = [...createdKeys].filter((key) => !names.includes(key));
  require(unknown.length ===
    0, `"${unknown.join('", "')}" is not a moment; the moments are ${names.join(', ')}`);
  require(capabilities.dispatches !== true || has('dispatch'), 'dispatches is declared, dispatch is missing');
  require(!has('dispatch') ||
    capabilities.dispatches === true, 'dispatch is there, capabilities.dispatches is not');
  for (const [capability, needed] of Object.entries(momentsOf)) {
    const isDeclared = declares(capabilities, capability as keyof typeof momentsOf);
    require(!isDeclared ||
      needed.some(has), `${capability} is declared, without a moment to do it in: ${needed.join(', ')}`);
  }
  require(has('onTick') === has('tickUs'), 'onTick and tickUs go together');
  return [...createdKeys].join(', ') || 'no moment';
}

/** Whatever is declared has to have been done in one of the runs: what was never done was never checked. */
export function checkUse({ definition, exercise }: Trials): string {
  const unused = exercise.unused(definition);
  const did = exercise.describe();
  require(unused.length ===
    0, `declares ${unused.join(', ')} and never does it (${did}); if it takes other parameters, give them with --set`);
  return did;
}
