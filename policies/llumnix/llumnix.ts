import { z } from 'zod';
import {
  type Decision,
  defaultMigration,
  definePolicy,
  type GroupView,
  type MigrationProtocol,
  type Policy,
  type PolicyDeps,
  type RequestId,
} from '../../harness/policy/index.ts';
import { dispatchParams, FreestDispatch } from './dispatch.ts';
import { artifactBlockTokens } from './freeness.ts';
import { Migration } from './migration.ts';
import { byPriority, lastOfLowest, Priorities } from './priorities.ts';

const migrationParams = {
  ...dispatchParams,
  /** Whether requests migrate; if false, only dispatch remains. */
  migrate: z.boolean().default(true),
  /** Whether the head of a queue counts as usage, so that running requests migrate to make room for it. */
  defragment: z.boolean().default(true),
  /**
   * Milliseconds between two searches for pairs. The open-source code polls at 50 ms; the first code searched
   * about every four steps.
   */
  checkMs: z.number().min(0.1).default(50),
  /**
   * Freeness, in decode steps, below which a group gives requests away: 3 blocks per request in the authors'
   * code. A sensible value depends on model and device.
   */
  sourceBelowSteps: z.number().default(3 * artifactBlockTokens),
  /**
   * Freeness, in decode steps, above which a group takes requests, and which it must keep with them. The
   * paper has two thresholds, the code one value for both.
   */
  targetAboveSteps: z.number().default(3 * artifactBlockTokens),
  /**
   * How the KV of a running request migrates. `blocking` and `recompute` are the alternatives with which the
   * paper compares `live`.
   */
  protocol: z.enum(['live', 'blocking', 'recompute']).default('live'),
};

const baseParams = z.strictObject(migrationParams).refine(hasOrder, thresholdOrder());

const params = z
  .strictObject({
    ...migrationParams,
    /**
     * Whether classes of higher priority are scheduled first and keep headroom. No effect if all classes have
     * the same priority.
     */
    priorities: z.boolean().default(true),
    /**
     * Tokens on one instance at which decoding is still near its ideal speed: 1,600 in the authors' code
     * (LLaMA-7B on an A10).
     */
    headroomTargetTokens: z.number().min(0).default(1600),
  })
  .refine(hasOrder, thresholdOrder());

interface Thresholds {
  readonly sourceBelowSteps: number;
  readonly targetAboveSteps: number;
}

function hasOrder({ sourceBelowSteps, targetAboveSteps }: Thresholds): boolean {
  return sourceBelowSteps <= targetAboveSteps;
}

function thresholdOrder(): { message: string; path: string[] } {
  return {
    message: 'must be at least sourceBelowSteps: no group both gives and takes',
    path: ['targetAboveSteps'],
  };
}

/**
 * Llumnix (OSDI 2024): dispatches requests to the instance with the highest freeness, and later migrates them
 * live from the fullest to the freest instance. This balances load, makes room for large requests at the head
 * of a queue, keeps headroom for high priorities, and empties instances that are to be released. The number
 * of instances is decided by `llumnix-autoscaler`.
 *
 * Under memory pressure a request of high priority is not preempted while one of lower priority runs;
 * otherwise the next policy of the stack answers.
 */
export const llumnix = definePolicy({
  name: 'llumnix',
  family: 'kv-centric',
  summary:
    'Dispatches to the freest instance and migrates running requests live between instances (Llumnix).',
  params,
  capabilities: { dispatches: true, preempts: ['recompute'], leavesPressure: true, migrates: true },
  create: (settings, deps) => {
    const { headroomTargetTokens } = settings;
    const priorities = settings.priorities
      ? Priorities.of(deps.classes, Math.ceil(headroomTargetTokens / deps.blockSizeTokens))
      : undefined;
    return createLlumnix(settings, deps, priorities);
  },
});

/** Llumnix-base, the authors' own baseline: Llumnix without priorities. */
export const llumnixBase = definePolicy({
  name: 'llumnix-base',
  family: 'kv-centric',
  summary: 'Llumnix without priorities, its own baseline.',
  params: baseParams,
  capabilities: { dispatches: true, migrates: true },
  create: (settings, deps) => createLlumnix(settings, deps, undefined),
});

function createLlumnix(
  settings: z.output<typeof baseParams>,
  { blockSizeTokens }: PolicyDeps,
  priorities: Priorities | undefined,
): Policy {
  const { migrate, checkMs, sourceBelowSteps, targetAboveSteps } = settings;
  const migration = new Migration({
    blockSizeTokens,
    countsHead: settings.defragment,
    priorities,
    sourceBelowSteps,
    targetAboveSteps,
    protocol: protocols[settings.protocol],
  });
  const freest = new FreestDispatch(settings, priorities);
  return {
    dispatch: (request, view) => freest.dispatch(request, view),
    ...(priorities === undefined ? {} : priorityMoments),
    ...(migrate ? migrationMoments(migration, checkMs) : {}),
  };
}

const protocols: Readonly<Record<MigrationProtocol['kind'], MigrationProtocol>> = {
  live: defaultMigration,
  blocking: { kind: 'blocking' },
  recompute: { kind: 'recompute' },
};

function migrationMoments(migration: Migration, checkMs: number): Policy {
  return {
    tickUs: Math.max(1, Math.round(checkMs * 1000)),
    onTick: (view) => migration.pair(view),
    onEvent: (event, view) =>
      event.kind === 'migrationDone' ? migration.continue(event.from, event.to, view) : undefined,
    stats: () => migration.stats(),
  };
}

const priorityMoments: Policy = {
  order: (group) => byPriority(group),
  onMemoryPressure: (group, need) => spareHighPriority(group, need.requestId),
};

/**
 * Preempts the last admitted request of the lowest priority. Returns undefined if that is the last admitted
 * request anyway; the next policy of the stack then chooses how to preempt.
 */
function spareHighPriority(group: GroupView, requestId: RequestId): readonly Decision[] | undefined {
  const victim = lastOfLowest(group);
  const last = group.running.at(group.running.length - 1);
  if (victim === undefined || victim === last) return undefined;
  if (victim.isInFlight)
    return [{ kind: 'wait', reason: `request ${victim.id}, of lower priority, is in a step` }];
  const reason = `request ${requestId} needs memory; the last admitted of lower priority goes first`;
  return [{ kind: 'preempt', requestId: victim.id, mode: 'recompute', reason }];
}
