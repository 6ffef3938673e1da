import { must } from '../../base/assert.ts';
import type { GroupId } from '../../domain/ids.ts';
import {
  type DecisionOf,
  defaultMigration,
  type MigrationProtocol,
  type Refusal,
} from '../../policy/decisions.ts';
import { growMemory } from './grow-memory.ts';
import type { Cluster } from '../state/cluster.ts';
import type { Effects } from '../state/effects.ts';
import type { InstanceGroup } from '../state/group.ts';
import { loseKv } from '../lifecycle.ts';
import type { Request } from '../state/request.ts';
import type { KvMove, Migration } from '../state/request-state.ts';
import type { Topology } from '../state/topology.ts';
import { blocksMissingFor, completeKvMove, movesOf, sendBlocks } from './kv-move.ts';
import { endMigration } from './end-migration.ts';
import { cancelKvMove } from './request-memory.ts';

/**
 * Moving requests between groups on a policy's wish, running ones by live migration (Llumnix, section 4.2): the request runs
 * on at its source while its full blocks are copied, stage by stage, and is stopped for the last stage alone. Cells at the
 * target are taken before each stage, so that for a while the KV takes memory on both sides; what source and target spend
 * agreeing on it is the hardware's `migrationHandshakeUs`. Whatever stands in the way
 * before the end aborts the migration, and the request goes on where it is.
 * Returns why it is refused, having changed nothing; `undefined` once it has begun.
 */
export function migrate(
  cluster: Cluster,
  { requestId, groupId, protocol = defaultMigration }: DecisionOf<'migrate'>,
): Refusal<'migrate'> | undefined {
  const request = cluster.requests.live.get(requestId);
  const source = request === undefined ? undefined : cluster.topology.groupOf(request);
  if (request === undefined || source === undefined)
    return `there is no live request ${requestId} in a group`;
  const target = cluster.topology.group(groupId);
  const problem = targetProblem(source, target, groupId);
  if (problem !== undefined || target === undefined) return problem;
  const blocks = target.blocksFor(request.tokens);
  if (blocks > target.totalBlocks && !cluster.stack.can('unlimitedMemory'))
    return `request ${requestId} needs ${blocks} KV blocks, group ${groupId} has ${target.totalBlocks}`;
  return move(cluster, request, { source, target, protocol });
}

function move(cluster: Cluster, request: Request, route: Route): Refusal<'migrate'> | undefined {
  switch (request.state.kind) {
    case 'queued':
    case 'preempted':
    case 'swapped':
      changeGroups(cluster.effects, request, route);
      return undefined;
    case 'prefilling':
    case 'decoding':
      return begin(cluster, request, route);
    default:
      return `request ${request.id} is ${request.state.kind}`;
  }
}

/** Moves a request that has no KV on a device: nothing travels now. */
function changeGroups(effects: Effects, request: Request, { source, target }: Route): void {
  request.moveTo(target, request.state.kind === 'preempted' ? 'front' : 'back');
  effects.wake(source);
  effects.wake(target);
}

function targetProblem(
  source: InstanceGroup,
  target: InstanceGroup | undefined,
  groupId: GroupId,
): Refusal<'migrate'> | undefined {
  if (target === undefined) return `there is no group ${groupId}`;
  if (target === source) return `the request is in group ${groupId} already`;
  return target.phase === 'serving' ? undefined : `group ${groupId} is ${target.phase}`;
}

interface Route {
  readonly source: InstanceGroup;
  readonly target: InstanceGroup;
  readonly protocol: MigrationProtocol;
}

function begin(cluster: Cluster, request: Request, route: Route): Refusal<'migrate'> | undefined {
  const { source, target, protocol } = route;
  if (request.migration !== undefined) return `request ${request.id} migrates already`;
  if (protocol.kind === 'live' && request.state.kind === 'prefilling')
    return `request ${request.id} has no KV to copy beside its steps: it is in its prefill`;
  const { maxRunning } = target.limits;
  if (target.numAdmitted >= maxRunning)
    return `group ${target.id} runs or expects as many requests as it may: ${maxRunning}`;
  const moves = protocol.kind === 'recompute' ? [] : movesOf(target, request);
  if (!makeRoomAt(cluster, { layout: target.layout, moves }, request.kvBlocks))
    return `group ${target.id} has no room for ${request.kvBlocks} blocks`;
  request.beginMigration({
    kvMove: { layout: target.layout, moves, numBlocks: 0, transfers: [] },
    fromGroupId: source.id,
    toGroupId: target.id,
    fromInstanceId: source.leader.id,
    toInstanceId: target.leader.id,
    protocol,
    startedAtUs: cluster.nowUs,
    numStages: 0,
    bytes: 0,
    isStopping: protocol.kind !== 'live',
    stoppedAtUs: undefined,
  });
  source.numMigratingOut += 1;
  target.numMigratingIn += 1;
  if (protocol.kind === 'live') nextStage(cluster, request, protocol);
  else stopOnceNotInFlight(cluster, request);
  return undefined;
}

/** Copies the blocks that have become full since the last stage, or stops the request for the last one. */
function nextStage(
  cluster: Cluster,
  request: Request,
  protocol: Extract<MigrationProtocol, { kind: 'live' }>,
): void {
  const migration = migrationOf(request);
  const { kvMove } = migration;
  const { blockSizeTokens } = cluster;
  const fullBlocks = Math.floor(request.computedTokens / blockSizeTokens);
  const usedBlocks = Math.ceil(request.computedTokens / blockSizeTokens);
  const numBlocks = fullBlocks - kvMove.numBlocks;
  const isLast =
    migration.numStages + 1 >= protocol.maxStages ||
    usedBlocks - kvMove.numBlocks <= protocol.lastStageBlocks ||
    numBlocks === 0;
  if (isLast) {
    migration.isStopping = true;
    stopOnceNotInFlight(cluster, request);
  } else if (!makeRoomAt(cluster, kvMove, numBlocks)) {
    cancelKvMove(cluster, request, `no room for ${numBlocks} more blocks at its target`);
  } else {
    const numTokens = fullBlocks * blockSizeTokens;
    sendStage(cluster, request, { numBlocks, numTokens }, () => nextStage(cluster, request, protocol));
  }
}

/** A request that waits to be stopped for its migration is stopped once its last step has come back. */
export function stopOnceNotInFlight(cluster: Cluster, request: Request): void {
  if (request.isStopping && !request.isInFlight) stop(cluster, request);
}

/** From here on it is the target's request: its last blocks travel, or it is computed again there. */
function stop(cluster: Cluster, request: Request): void {
  const migration = migrationOf(request);
  const { kvMove } = migration;
  const source = must(cluster.topology.groupOf(request), `group of request ${request.id}`);
  const target = must(cluster.topology.group(migration.toGroupId), `group ${migration.toGroupId}`);
  const numBlocks = request.kvBlocks - kvMove.numBlocks;
  if (!makeRoomAt(cluster, kvMove, numBlocks)) {
    cancelKvMove(cluster, request, `no room for its last ${numBlocks} blocks at its target`);
    return;
  }
  migration.stoppedAtUs = cluster.nowUs;
  if (migration.protocol.kind === 'recompute') {
    // Not `cancelKvMove`, which would abort the migration: nothing travels, and this one is done.
    request.leaveKvMove();
    finish(cluster, request, migration);
    loseKv(cluster, request);
    request.preempt(target);
    cluster.effects.wake(target);
  } else {
    request.stopForMigration(target);
    sendStage(cluster, request, { numBlocks, numTokens: request.computedTokens }, () => {
      finish(cluster, request, migration);
      completeKvMove(cluster, request);
    });
  }
  cluster.effects.wake(source);
}

/** Memory without limit grows until so many blocks fit at the targets; whether they do. */
function makeRoomAt(
  cluster: Cluster,
  { layout, moves }: Pick<KvMove, 'layout' | 'moves'>,
  numBlocks: number,
): boolean {
  const missing = blocksMissingFor(moves, numBlocks);
  if (missing <= 0) return true;
  if (!cluster.stack.can('unlimitedMemory')) return false;
  growMemory(cluster.effects, layout, missing);
  return true;
}

function sendStage(
  cluster: Cluster,
  request: Request,
  { numBlocks, numTokens }: { numBlocks: number; numTokens: number },
  onDone: () => void,
): void {
  const migration = migrationOf(request);
  const { kvMove } = migration;
  const { chunkUs } = must(cluster.topology.groupOf(request), `group of request ${request.id}`);
  migration.numStages += 1;
  for (const { layers } of kvMove.moves) migration.bytes += numBlocks * layers.count * cluster.cellBytes;
  const handshakeUs = handshakeOf(cluster.topology, migration);
  sendBlocks(cluster, request, { kind: 'migration', numBlocks, numTokens, chunkUs, handshakeUs }, onDone);
}

/** Returns the time that source and target spend agreeing on a piece, in microseconds: that of the slower of the two. */
function handshakeOf({ instances }: Topology, { fromInstanceId, toInstanceId }: Migration): number {
  const sides = [instances[fromInstanceId], instances[toInstanceId]];
  return Math.max(...sides.map((instance) => instance?.hardware.migrationHandshakeUs ?? 0));
}

function finish(cluster: Cluster, request: Request, migration: Migration): void {
  request.numMigrations += 1;
  endMigration(cluster, request, migration);
}

function migrationOf(request: Request): Migration {
  return must(request.migration, `migration of request ${request.id}`);
}
