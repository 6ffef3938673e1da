import { z } from 'zod';
import {
  type Decision,
  defaultMigration,
  definePolicy,
  type GroupView,
  type MigrationProtocol,
  type Policy,
  type PolicyDeps,
} from '../../harness/policy/index.ts';
import { dispatchParams, FreestDispatch } from './dispatch.ts';
import { artifactBlockTokens } from './freeness.ts';
import { Migration } from './migration.ts';
import { byPriority, lastOfLowest, Priorities } from './priorities.ts';

const migrationParams = {
  ...dispatchParams,
  /** Whether requests migrate at all; without, only dispatch is left. */
  migrate: z.boolean().default(true),
  /** Whether the head of a queue counts as usage, so that running requests make room for it. */
  defragment: z.boolean().default(true),
  /** Time between two looks for pairs: what the open-source code polls at; the first code looked every four steps or so. */
  checkMs: z.number().positive().default(50),
  /** Freeness, in decode steps, below which a group gives requests away: 3 blocks per request in the authors' code. Depends on model and device. */
  sourceBelowSteps: z.number().default(3 * artifactBlockTokens),
  /** Freeness above which a group takes requests, and which it keeps; the paper has two thresholds, the code one value for both. */
  targetAboveSteps: z.number().default(3 * artifactBlockTokens),
  /** How the KV of a running request travels: the other ways are what the paper measures its own against. */
  protocol: z.enum(['live', 'blocking', 'recompute']).default('live'),
};

const baseParams = z.strictObject(migrationParams).refine(hasOrder, thresholdOrder());

const params = z
  .strictObject({
    ...migrationParams,
    /** Whether classes of higher priority go first and keep headroom. Without effect where all classes have the same. */
    priorities: z.boolean().default(true),
    /** Tokens on one instance at which decoding is still near its ideal speed: 1,600 in the authors' code (LLaMA-7B on an A10). */
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
 * Llumnix (OSDI 2024): requests go to the instance with the highest freeness, and later migrate live from the fullest to
 * the freest, which balances load, makes room for large requests at the head of a queue, keeps headroom for high
 * priorities, and empties instances that are to be released. Decisions on how many instances there are: `llumnix-autoscaler`.
 *
 * Under memory pressure a request of high priority does not give way while one of lower priority runs; otherwise the next
 * policy of the stack answers.
 */
export const llumnix = definePolicy({
  name: 'llumnix',
  family: 'kv-centric',
  summary:
    'Dispatches to the freest instance and migrates running requests live between instances (Llumnix).',
  params,
  capabilities: { dispatches: true, migrates: true },
  create: (settings, deps) => {
    const { headroomTargetTokens } = settings;
    const priorities = settings.priorities
      ? Priorities.of(deps.classes, Math.ceil(headroomTargetTokens / deps.blockSizeTokens))
      : undefined;
    return createLlumnix(settings, deps, priorities);
  },
});

/** Llumnix-base, the authors' own baseline: the same, and all requests alike. */
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

/** Nothing where the last admitted is of the lowest priority anyway: who gives way, and how, is up to the next policy. */
function spareHighPriority(group: GroupView, requestId: number): readonly Decision[] | undefined {
  const victim = lastOfLowest(group);
  const last = group.running.at(group.running.length - 1);
  if (victim === undefined || victim === last) return undefined;
  if (victim.isInFlight)
    return [{ kind: 'wait', reason: `request ${victim.id}, of lower priority, is in a step` }];
  const reason = `request ${requestId} needs memory; the last admitted of lower priority goes first`;
  return [{ kind: 'preempt', requestId: victim.id, mode: 'recompute', reason }];
}
