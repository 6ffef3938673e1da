import type { LayerRange } from '../../domain/model-shape.ts';
import type { WeightSource } from '../executor.ts';
import type { Transfer } from './fabric.ts';
import type { Instance } from './instance.ts';

/** Layers on their way to an instance; its memory is kept free for them. */
export interface WeightLoad {
  readonly instance: Instance;
  /** What it holds when the load is complete. */
  readonly layers: LayerRange;
  /** `peer`: from instances that hold them, else from host memory where the hardware keeps them there, else from disk. */
  readonly weightsFrom: 'disk' | 'host' | 'peer';
  readonly pieces: WeightPiece[];
  readonly onDone: () => void;
}

export interface WeightPiece extends WeightSource {
  transfer: Transfer | undefined;
}
