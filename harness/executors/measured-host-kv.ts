import { must } from '../base/assert.ts';
import type { RequestId } from '../domain/ids.ts';
import type { LayerRange } from '../domain/model-shape.ts';

/** The KV of requests in the host memory of one instance: real copies of cells, layer by layer. */
export class HostKv {
  /** Copied cells by request id, then by layer. */
  readonly #pages = new Map<RequestId, Map<number, Float32Array>>();

  get bytes(): number {
    let bytes = 0;
    for (const byLayer of this.#pages.values()) {
      for (const pages of byLayer.values()) bytes += pages.byteLength;
    }
    return bytes;
  }

  put(requestId: RequestId, layer: number, pages: Float32Array): void {
    let byLayer = this.#pages.get(requestId);
    if (byLayer === undefined) this.#pages.set(requestId, (byLayer = new Map()));
    byLayer.set(layer, pages);
  }

  get(requestId: RequestId, layer: number): Float32Array {
    return must(this.#pages.get(requestId)?.get(layer), `host KV of request ${requestId}, layer ${layer}`);
  }

  release(requestId: RequestId, layers: LayerRange): void {
    const byLayer = this.#pages.get(requestId);
    if (byLayer === undefined) return;
    for (let layer = layers.first; layer < layers.first + layers.count; layer += 1) byLayer.delete(layer);
    if (byLayer.size === 0) this.#pages.delete(requestId);
  }

  releaseAll(requestId: RequestId): void {
    this.#pages.delete(requestId);
  }
}
