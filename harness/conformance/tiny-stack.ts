import { must } from '../base/assert.ts';
import { messageOf, PolicyError } from '../base/errors.ts';
import { createRng } from '../base/rng.ts';
import type { Hardware } from '../domain/hardware.ts';
import type { RequestId } from '../domain/ids.ts';
import type { RequestClass, RequestSpec } from '../domain/workload.ts';
import type { Policy, PolicyDefinition, PolicyDeps } from '../policy/index.ts';
import { type CallGuard, PolicyStack } from '../policy/stack.ts';
import { blockSizeTokens, tinyModel } from './tiny-hardware.ts';

interface StackSettings {
  readonly policySeed: number;
  readonly hardware: Hardware;
  readonly classes: readonly RequestClass[];
  readonly guard: CallGuard | undefined;
  /** What an oracle knows the lengths of. */
  readonly specs: readonly RequestSpec[];
}

/** Creates a stack of policies with default parameters. Throws a `PolicyError` where `create` does. */
export function stackOf(
  definitions: readonly PolicyDefinition[],
  { policySeed, hardware, classes, guard = noGuard, specs }: StackSettings,
): PolicyStack {
  const rng = createRng(policySeed, 'policy');
  const deps = { rng, model: tinyModel, startHardware: hardware, blockSizeTokens, classes };
  const lengths = new Map(specs.map(({ id, outputTokens }) => [id, outputTokens]));
  const oracleDeps = { ...deps, trueOutputTokens: (id: RequestId) => must(lengths.get(id), `request ${id}`) };
  const members = definitions.map((definition) => ({
    name: definition.name,
    capabilities: definition.capabilities,
    policy: create(definition, definition.capabilities.isOracle === true ? oracleDeps : deps, guard),
  }));
  return new PolicyStack(members, guard);
}

function create(definition: PolicyDefinition, deps: PolicyDeps, guard: CallGuard): Policy {
  guard.enter(definition.name, 'create');
  try {
    return definition.create(definition.params.parse({}), deps);
  } catch (error) {
    throw new PolicyError(definition.name, 'create', messageOf(error), { cause: error });
  } finally {
    guard.leave();
  }
}

const noGuard: CallGuard = { enter() {}, leave() {} };
