import { describe, expect, it } from 'vitest';
import { PolicyError } from '../../harness/base/errors.ts';
import type { Collector } from '../../harness/conformance/collector.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import {
  answersAt,
  type DecisionKind,
  decisionKinds,
  decisions,
  missingCapability,
} from '../../harness/policy/decisions.ts';
import type { Capabilities, Decision, PolicyDefinition } from '../../harness/policy/index.ts';
import { asGroupId, asRequestId } from '../../harness/domain/ids.ts';
import { policies } from '../../policies/index.ts';
import type { Plain } from '../plain-ids.ts';
import { policyOf } from './policy-of.ts';

const { 'least-loaded': leastLoaded, recompute } = policies;

const everything: Capabilities = {
  dispatches: true,
  preempts: ['recompute', 'swap'],
  dropsParameters: true,
  migrates: true,
  scales: true,
};

/** One request, and a policy that decides this once, at a tick. */
function decideAtTick(decision: unknown, about: Partial<PolicyDefinition> = {}): Collector {
  let isDone = false;
  const once = policyOf({
    tickUs: 100,
    onTick: () => {
      if (isDone) return [];
      isDone = true;
      return [decision as Decision];
    },
  });
  const policy: PolicyDefinition = { ...once, capabilities: everything, ...about };
  return runTiny({ specs: [request(0, 0, 40, 30)], policies: [policy, leastLoaded, recompute] }).seen;
}

/** What became of the decision. */
function answerTo(kind: DecisionKind, fields: object) {
  const { decisions: records } = decideAtTick({ kind, reason: 'test', ...fields });
  return records.find(({ policy }) => policy === 'under-test');
}

/** A field of the kind that has to be given; the first one. */
function neededField(kind: DecisionKind): string | undefined {
  const { fields } = decisions[kind];
  return Object.entries(fields).find(([, schema]) => !schema.safeParse(undefined).success)?.[0];
}

describe('the table of decisions', () => {
  it.each(decisionKinds.filter((kind) => !answersAt(kind, 'onTick')))('%s is no answer to a tick', (kind) => {
    expect(answerTo(kind, {})).toMatchObject({
      outcome: 'rejected',
      error: `"${kind}" is no answer to onTick`,
    });
  });

  it.each(decisionKinds.filter((kind) => answersAt(kind, 'onTick')))(
    '%s is refused without a field that it needs, by the name of the field',
    (kind) => {
      const answer = answerTo(kind, {});
      expect(answer?.outcome).toBe('rejected');
      expect(answer?.error).toMatch(new RegExp(`^${neededField(kind)} must be .*, got undefined$`));
    },
  );

  it.each<[string, DecisionKind, object, string]>([
    [
      'groups named twice',
      'drop',
      { groupIds: [0, 0], transition: { kind: 'remote-attention' } },
      'groupIds must be two or more different groups, got [0,0]',
    ],
    [
      'no such variant',
      'migrate',
      { requestId: 0, groupId: 1, protocol: { kind: 'teleport' } },
      'protocol.kind must be one of "live", "blocking", "recompute", got {"kind":"teleport"}',
    ],
    [
      'what is wrong inside',
      'drop',
      { groupIds: [0, 1], transition: { kind: 'exchange', maxRequests: 0, isCoordinated: true } },
      'transition.maxRequests must be an integer of at least 1, got 0',
    ],
    [
      'a role with a blank',
      'scaleUp',
      { numInstances: 1, role: 'a b' },
      'role must be letters, digits and dashes, got "a b"',
    ],
  ])('refuses %s', (_what, kind, fields, error) => {
    expect(answerTo(kind, fields)).toMatchObject({ outcome: 'rejected', error });
  });

  it('lets a policy note more than the core reads, and limits be as large as it likes', () => {
    const limits = { maxRunning: Number.MAX_VALUE };
    const answer = answerTo('setLimits', { groupId: 0, limits, note: 'no limit', score: 0.7 });
    expect(answer).toMatchObject({ outcome: 'applied', data: { note: 'no limit', score: 0.7 } });
  });

  it.each([
    ['nothing at all', null, /expected { kind, reason: string, ... }, got null/],
    ['no reason', { kind: 'drain', groupId: 0 }, /expected { kind, reason: string, ... }, got {/],
    ['an unknown kind', { kind: 'toString', reason: 'test' }, /unknown decision {"kind":"toString"/],
  ])('fails the cell of a policy that decides %s', (_what, decision, message) => {
    expect(() => decideAtTick(decision)).toThrow(PolicyError);
    expect(() => decideAtTick(decision)).toThrow(message);
  });

  it('fails the cell of a dispatcher that decides something else', () => {
    const wrong = policyOf({ dispatch: () => ({ kind: 'drain', groupId: 0, reason: 'test' }) as never });
    const run = () => runTiny({ specs: [request(0, 0, 40, 30)], policies: [wrong, recompute] });
    expect(run).toThrow(/expected { kind: 'dispatch' \| 'hold' \| 'reject', reason }, got {"kind":"drain"/);
  });

  const undeclared: readonly (readonly [Plain<Decision>, string])[] = [
    [
      { kind: 'drop', groupIds: [0, 1], transition: { kind: 'remote-attention' }, reason: 'test' },
      'dropsParameters',
    ],
    [{ kind: 'restore', groupId: 0, running: 'finish', reason: 'test' }, 'dropsParameters'],
    [{ kind: 'cancelRestore', groupId: 0, reason: 'test' }, 'dropsParameters'],
    [{ kind: 'migrate', requestId: 0, groupId: 1, reason: 'test' }, 'migrates'],
    [{ kind: 'scaleUp', numInstances: 1, reason: 'test' }, 'scales'],
    [{ kind: 'drain', groupId: 0, reason: 'test' }, 'scales'],
    [{ kind: 'cancelDrain', groupId: 0, reason: 'test' }, 'scales'],
  ];

  it.each(undeclared)(
    'fails the cell of a policy that decides without declaring it: $kind',
    (decision, capability) => {
      const run = (capabilities: Capabilities) => () =>
        decideAtTick(decision, { name: 'secretive', capabilities });
      const message = `policy "secretive" failed in onTick: decides "${decision.kind}" without declaring the capability "${capability}"`;
      expect(run({})).toThrow(PolicyError);
      expect(run({})).toThrow(message);
      expect(run({ [capability]: true })).not.toThrow();
    },
  );

  it.each(['dispatch', 'hold', 'reject'] as const)(
    'fails the cell of a policy that answers dispatch without declaring it: %s',
    (kind) => {
      const answer = { kind, ...(kind === 'dispatch' ? { groupId: 0 } : {}), reason: 'test' } as never;
      const wrong = { ...policyOf({ dispatch: () => answer }), capabilities: {} };
      const run = () => runTiny({ specs: [request(0, 0, 40, 30)], policies: [wrong, recompute] });
      expect(run).toThrow(
        `failed in dispatch: decides "${kind}" without declaring the capability "dispatches"`,
      );
    },
  );

  it('knows what a policy has to declare', () => {
    const drain = { kind: 'drain', groupId: asGroupId(0), reason: '' } as const;
    expect(missingCapability({ scales: true }, drain)).toBeUndefined();
    expect(missingCapability({ scales: false }, drain)).toBe('scales');
    expect(missingCapability({}, { kind: 'wait', reason: '' })).toBeUndefined();
    const swap = { kind: 'preempt', requestId: asRequestId(0), mode: 'swap', reason: '' } as const;
    expect(missingCapability({}, swap)).toBe('preempts');
    expect(missingCapability({ preempts: ['recompute'] }, swap)).toBe("preempts: ['swap']");
    expect(missingCapability({ preempts: ['recompute', 'swap'] }, swap)).toBeUndefined();
  });
});
