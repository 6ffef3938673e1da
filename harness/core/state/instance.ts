import type { InstanceState, InstanceView } from '../../policy/views.ts';
import { Link } from './fabric.ts';
import type { Hardware } from '../../domain/hardware.ts';
import type { InstanceId } from '../../domain/ids.ts';
import type { MemoryLedger } from './ledger.ts';
import { holdsLayer, type LayerRange } from '../../domain/model-shape.ts';

/** The links of an instance, each direction on its own. */
export interface InstanceLinks {
  readonly toHost: Link;
  readonly fromHost: Link;
  readonly send: Link;
  readonly receive: Link;
  readonly fromDisk: Link;
}

/** One device's worth of memory, with the host memory beside it. Which requests it serves is its groups' business. */
export class Instance implements InstanceView {
  readonly id: InstanceId;
  readonly ledger: MemoryLedger;
  readonly links: InstanceLinks;
  readonly hardware: Hardware;
  /** Layers whose weights it holds. */
  layers: LayerRange;
  state: InstanceState;
  role = 'mixed';
  hostKvBytes = 0;
  /** Instance-seconds count from here to `releasedAtUs`, or to the end of the run. */
  readonly requestedAtUs: number;
  releasedAtUs: number | undefined;
  /** Whether a sample has said already that it has failed or was released. */
  isGoneSampled = false;
  /** Microseconds busy and tokens computed since the last sample. */
  busyUs = 0;
  prefillTokens = 0;
  decodeTokens = 0;

  constructor(init: {
    id: InstanceId;
    ledger: MemoryLedger;
    layers: LayerRange;
    hardware: Hardware;
    nowUs: number;
    state: InstanceState;
  }) {
    const { id, hardware } = init;
    this.id = id;
    this.ledger = init.ledger;
    this.layers = init.layers;
    this.hardware = hardware;
    this.requestedAtUs = init.nowUs;
    this.state = init.state;
    const disk = { bytesPerSecond: hardware.diskBytesPerSecond, latencyUs: 0 };
    this.links = {
      toHost: new Link(`instance ${id} to host`, hardware.hostLink),
      fromHost: new Link(`host to instance ${id}`, hardware.hostLink),
      send: new Link(`instance ${id} sending`, hardware.network),
      receive: new Link(`instance ${id} receiving`, hardware.network),
      fromDisk: new Link(`disk to instance ${id}`, disk),
    };
  }

  get weightBytes(): number {
    return this.ledger.weightBytes;
  }

  get totalCells(): number {
    return this.ledger.totalCells;
  }

  get usedCells(): number {
    return this.ledger.usedCells;
  }

  /** Whether there is a device behind it: it has been provisioned, has not failed and has not been released. */
  get hasDevice(): boolean {
    return this.state !== 'provisioning' && !this.isGone;
  }

  /** Whether it has failed or was released: it costs nothing more and never comes back. */
  get isGone(): boolean {
    return this.state === 'stopped' || this.state === 'failed';
  }

  holds(layer: number): boolean {
    return holdsLayer(this.layers, layer);
  }
}
