import type { GroupId, RequestId } from '../../../domain/ids.ts';
import type { ClusterView, GroupView, HeldView, InstanceView, RequestView } from '../../../policy/views.ts';
import type { OpenRequests } from '../open-requests.ts';
import type { Topology } from '../topology.ts';

/** What policies see of the cluster. */
export interface VisibleState {
  readonly nowUs: number;
  readonly blockSizeTokens: number;
  readonly supply: { readonly maxInstances: number };
  readonly topology: Topology;
  readonly requests: OpenRequests;
}

/** What a policy gets of the cluster: the promised numbers and lists, and no way to the state behind them. */
export class ClusterWindow implements ClusterView {
  readonly #state: VisibleState;

  constructor(state: VisibleState) {
    this.#state = state;
  }

  get nowUs(): number {
    return this.#state.nowUs;
  }

  get observedAtUs(): number {
    return this.#state.nowUs;
  }

  get blockSizeTokens(): number {
    return this.#state.blockSizeTokens;
  }

  get groups(): readonly GroupView[] {
    return this.#state.topology.groups;
  }

  get instances(): readonly InstanceView[] {
    return this.#state.topology.instances;
  }

  get numInstances(): number {
    return this.#state.topology.numInstances;
  }

  get maxInstances(): number {
    return this.#state.supply.maxInstances;
  }

  get held(): HeldView {
    return this.#state.requests.held;
  }

  local(groupId: GroupId): GroupView | undefined {
    return this.#state.topology.group(groupId);
  }

  request(id: RequestId): RequestView | undefined {
    return this.#state.requests.live.get(id);
  }
}
