import { InputError } from '../base/errors.ts';
import { checkPolicy } from '../conformance/index.ts';
import type { Check } from '../conformance/index.ts';
import type { Policy, PolicyDefinition } from '../policy/index.ts';
import { suggest } from '../base/suggest.ts';
import type { CellGuard } from './cell-job.ts';
import { createPolicyResolver, findPolicy } from './load-policy.ts';

/** Runs the conformance suite on a plug-in or a built-in policy, with every call under the watchdog. */
export async function checkPolicyFile(
  use: string,
  baseDir: string,
  guard: CellGuard,
): Promise<readonly Check[]> {
  const definition = await findPolicy(use, baseDir, guard);
  if (definition !== undefined) return checkPolicy(guarded(definition, guard));
  const hint = suggest(use, createPolicyResolver(guard).names);
  throw new InputError({
    source: use,
    path: '',
    message: 'there is no such file, package or built-in policy',
    hint,
  });
}

function guarded(definition: PolicyDefinition, guard: CellGuard): PolicyDefinition {
  const { name } = definition;
  const call = <T>(moment: string, action: () => T): T => {
    guard.enter(name, moment);
    try {
      return action();
    } finally {
      guard.leave();
    }
  };
  const wrap = (policy: Policy): Policy =>
    new Proxy(policy, {
      get: (target, moment) => {
        const ask: unknown = Reflect.get(target, moment);
        if (typeof ask !== 'function') return ask;
        return (...args: readonly unknown[]): unknown =>
          call(String(moment), () => Reflect.apply(ask, target, args) as unknown);
      },
    });
  return {
    ...definition,
    create: (params, deps) => wrap(call('create', () => definition.create(params, deps))),
  };
}
