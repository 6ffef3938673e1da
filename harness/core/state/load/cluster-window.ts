import type { ClusterView, GroupView, HeldView, InstanceView, RequestView } from '../../../policy/views.ts';

/** What a policy gets of the cluster: the promised numbers and lists, and no way to the state behind them. */
export class ClusterWindow implements ClusterView {
  readonly #cluster: ClusterView;

  constructor(cluster: ClusterView) {
    this.#cluster = cluster;
  }

  get nowUs(): number {
    return this.#cluster.nowUs;
  }

  get observedAtUs(): number {
    return this.#cluster.observedAtUs;
  }

  get blockSizeTokens(): number {
    return this.#cluster.blockSizeTokens;
  }

  get groups(): readonly GroupView[] {
    return this.#cluster.groups;
  }

  get instances(): readonly InstanceView[] {
    return this.#cluster.instances;
  }

  get numInstances(): number {
    return this.#cluster.numInstances;
  }

  get maxInstances(): number {
    return this.#cluster.maxInstances;
  }

  get held(): HeldView {
    return this.#cluster.held;
  }

  local(groupId: number): GroupView | undefined {
    return this.#cluster.local(groupId);
  }

  request(id: number): RequestView | undefined {
    return this.#cluster.request(id);
  }
}
