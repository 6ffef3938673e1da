import { must } from '../../base/assert.ts';
import { removeFrom } from '../../base/lists.ts';
import { reshape } from './reshape.ts';
import type { Cluster } from '../state/cluster.ts';
import type { Topology } from '../state/topology.ts';
import type { WeightSource } from '../executor.ts';
import type { Link } from '../state/fabric.ts';
import type { InstanceGroup } from '../state/group.ts';
import type { Instance } from '../state/instance.ts';
import type { WeightLoad, WeightPiece } from '../state/weight-load.ts';
import { layerWeightBytes, type LayerRange, residentWeightBytes } from '../../domain/model-shape.ts';
import { send } from '../transfers.ts';

/**
 * Pulls what the instance lacks of `layers`, behind everything else that uses the links: from peers first when parameters
 * are put back (KunServe, section 4.4), as the hardware says at a start. The caller has checked that the memory is there.
 */
export function loadWeights(
  cluster: Cluster,
  instance: Instance,
  { layers, weightsFrom }: Pick<WeightLoad, 'layers' | 'weightsFrom'>,
  onDone: () => void,
): WeightLoad {
  const load: WeightLoad = { instance, layers, weightsFrom, pieces: [], onDone };
  const numMissing = layers.count - instance.layers.count;
  instance.ledger.expectWeights(numMissing * layerWeightBytes(cluster.model));
  // The executor gives up the cells that the expected weights take.
  cluster.effects.executor.reshapeInstance(instance.id, instance.layers, instance.totalCells);
  cluster.topology.weightLoads.add(load);
  for (const source of sourcesOf(cluster, load)) pull(cluster, load, source);
  return load;
}

/** The weights are there: the instance holds them from now on. */
export function finishLoad(cluster: Cluster, load: WeightLoad): void {
  const { instance, layers } = load;
  cluster.topology.weightLoads.delete(load);
  // A peer that gave its layers up after they had travelled cannot be copied from; host and disk hold the same bytes.
  const detail = reshape(cluster, instance, layers, sourcesOf(cluster, load));
  cluster.effects.recordEvent('weightsLoaded', { instanceId: instance.id, detail });
}

/** Cancels every load of the group's members. */
export function cancelLoads(cluster: Cluster, group: InstanceGroup): void {
  for (const load of group.weightLoads.splice(0)) cancelLoad(cluster, load);
}

/** Cancels one load: its memory is KV cells again. */
function cancelLoad(cluster: Cluster, load: WeightLoad): void {
  const { instance } = load;
  cluster.topology.weightLoads.delete(load);
  for (const { transfer } of load.pieces) if (transfer !== undefined) cluster.effects.fabric.cancel(transfer);
  instance.ledger.expectWeights(0);
  cluster.effects.executor.reshapeInstance(instance.id, instance.layers, instance.totalCells);
}

/** Peers have dropped layers or failed: what was being pulled from them is pulled from elsewhere, from its start. */
export function redirectLoads(cluster: Cluster): void {
  for (const load of cluster.topology.weightLoads) {
    for (const piece of load.pieces.slice()) {
      const { from, layers, transfer } = piece;
      if (
        transfer === undefined ||
        typeof from !== 'number' ||
        canServe(cluster.topology.instances[from], layers)
      )
        continue;
      cluster.effects.fabric.cancel(transfer);
      removeFrom(load.pieces, piece);
      for (const source of sourcesFor(cluster, load, layers)) pull(cluster, load, source);
    }
  }
}

function pull(cluster: Cluster, load: WeightLoad, source: WeightSource): void {
  const { instance } = load;
  const { from, layers } = source;
  const piece: WeightPiece = { ...source, transfer: undefined };
  load.pieces.push(piece);
  const movement = {
    kind: 'weights',
    source: from,
    target: instance.id,
    bytes: layers.count * layerWeightBytes(cluster.model) + residentBytes(cluster, load, layers),
    links: linksFrom(cluster.topology, instance, from),
    chunkUs: must(cluster.topology.servingGroupOn(instance), `group of instance ${instance.id}`).chunkUs,
  } as const;
  piece.transfer = send(cluster.effects, movement, () => {
    piece.transfer = undefined;
    if (load.pieces.every(({ transfer }) => transfer === undefined)) load.onDone();
  });
}

/** A new instance also lacks what every instance holds; it comes with the first layers. */
function residentBytes({ model }: Cluster, { instance }: WeightLoad, { first }: LayerRange): number {
  return instance.layers.count === 0 && first === 0 ? residentWeightBytes(model) : 0;
}

function linksFrom(topology: Topology, instance: Instance, from: WeightSource['from']): readonly Link[] {
  const { links } = instance;
  if (from === 'disk') return [links.fromDisk, links.fromHost];
  if (from === 'host') return [links.fromHost];
  const peer = topology.instances[from];
  return peer === undefined ? [links.receive] : [peer.links.send, links.receive];
}

/** Returns the stretches of a load that the instance lacks, below and above what it holds, with their sources. */
function sourcesOf(cluster: Cluster, load: WeightLoad): WeightSource[] {
  const { instance, layers } = load;
  const held = instance.layers;
  const end = layers.first + layers.count;
  const heldEnd = held.first + held.count;
  const below = { first: layers.first, count: held.first - layers.first };
  const above = { first: heldEnd, count: end - heldEnd };
  return [below, above].flatMap((missing) => sourcesFor(cluster, load, missing));
}

/** Returns where each layer comes from, in stretches of the same source; peers that send least are preferred. */
function sourcesFor(cluster: Cluster, load: WeightLoad, missing: LayerRange): WeightSource[] {
  const { instance, weightsFrom } = load;
  if (missing.count === 0) return [];
  if (weightsFrom !== 'peer') return [{ from: weightsFrom, layers: missing }];
  const sources: WeightSource[] = [];
  let first = missing.first;
  const end = missing.first + missing.count;
  while (first < end) {
    const peer = choosePeer(cluster, instance, first);
    const count = peer === undefined ? 1 : Math.min(end, peer.layers.first + peer.layers.count) - first;
    const from = peer?.id ?? (instance.hardware.weightsInHostMemory ? 'host' : 'disk');
    const last = sources.at(-1);
    if (last?.from === from) {
      sources[sources.length - 1] = { from, layers: { ...last.layers, count: last.layers.count + count } };
    } else sources.push({ from, layers: { first, count } });
    first += count;
  }
  return sources;
}

function choosePeer(cluster: Cluster, instance: Instance, layer: number): Instance | undefined {
  let best: Instance | undefined;
  let fewest = Infinity;
  for (const peer of cluster.topology.instances) {
    if (peer === instance || !canServe(peer, { first: layer, count: 1 })) continue;
    const numPulls = pullsFrom(cluster.topology, peer);
    if (numPulls >= fewest) continue;
    best = peer;
    fewest = numPulls;
  }
  return best;
}

function canServe(peer: Instance | undefined, { first, count }: LayerRange): boolean {
  return peer?.hasDevice === true && peer.holds(first) && peer.holds(first + count - 1);
}

function pullsFrom(topology: Topology, peer: Instance): number {
  let count = 0;
  for (const { pieces } of topology.weightLoads) {
    for (const { from, transfer } of pieces) if (from === peer.id && transfer !== undefined) count += 1;
  }
  return count;
}
