import { asInstanceId } from '../../harness/domain/ids.ts';
import type {
  ClusterView,
  Decision,
  GroupView,
  InstanceView,
  Policy,
  PolicyEvent,
} from '../../harness/policy/index.ts';
import {
  clusterView,
  groupView,
  heldView,
  instanceBlocks,
  instanceView,
  requestView,
} from '../../harness/conformance/view-builders.ts';

type State = 'provisioning' | 'loading' | 'ready' | 'draining';

interface Member {
  readonly id: number;
  readonly requestedAtUs: number;
  state: State;
  /** When it leaves the state that it is in. */
  untilUs: number;
}

/** How a fleet of single instances behaves; times in microseconds. */
interface FleetRules {
  readonly numInstances: number;
  readonly maxInstances: number;
  readonly provisioningUs?: number;
  readonly loadingUs?: number;
  readonly drainUs?: number;
  /** Requests that fill the memory of one instance; those beyond wait. */
  readonly capacity?: number;
}

/**
 * Just enough of a cluster to run an autoscaler against a load that is told and not served: instances start, drain and are counted, and a
 * decision that the core would refuse throws.
 */
export class ToyFleet {
  readonly #rules: Required<FleetRules>;
  readonly #members: Member[] = [];
  #nextId = 0;
  nowUs = 0;

  constructor(rules: FleetRules) {
    this.#rules = { provisioningUs: 1e6, loadingUs: 1e6, drainUs: 1e6, capacity: 10, ...rules };
    for (let count = 0; count < rules.numInstances; count += 1) this.#add('ready', Infinity);
  }

  count(...states: readonly State[]): number {
    return this.#members.filter(({ state }) => states.includes(state)).length;
  }

  /** Serving and coming. */
  get size(): number {
    return this.count('provisioning', 'loading', 'ready');
  }

  /** Ticks the policy up to a time, with `load(nowUs)` requests in the cluster; the size after each tick. */
  run(policy: Policy, untilUs: number, load: (nowUs: number) => number): number[] {
    const sizes: number[] = [];
    const tickUs = policy.tickUs ?? Infinity;
    while (this.nowUs + tickUs <= untilUs) {
      this.#advance(this.nowUs + tickUs);
      this.apply(policy.onTick?.(this.view(load(this.nowUs))) ?? []);
      sizes.push(this.size);
    }
    return sizes;
  }

  /** One of the instances that serve is gone, and the policy hears of it. */
  fail(policy: Policy): void {
    const index = this.#members.findIndex(({ state }) => state === 'ready');
    const [{ id }] = this.#members.splice(index, 1) as [Member];
    const event: PolicyEvent = { kind: 'instanceFailed', instanceId: asInstanceId(id) };
    this.apply(policy.onEvent?.(event, this.view(0)) ?? []);
  }

  apply(decisions: readonly Decision[]): void {
    for (const decision of decisions) this.#apply(decision);
  }

  /** The requests are shared out evenly over the instances that serve; without one they are held. */
  view(numRequests: number): ClusterView {
    const numReady = this.count('ready');
    let left = numRequests;
    let readyLeft = numReady;
    const groups = this.#members.map((member): GroupView => {
      if (member.state !== 'ready') return this.#groupOf(member, 0);
      const share = Math.ceil(left / readyLeft);
      left -= share;
      readyLeft -= 1;
      return this.#groupOf(member, share);
    });
    return clusterView(groups, {
      nowUs: this.nowUs,
      maxInstances: this.#rules.maxInstances,
      held: heldView(requests(numReady === 0 ? numRequests : 0)),
    });
  }

  #groupOf({ id, state, requestedAtUs }: Member, numRequests: number): GroupView {
    const { capacity } = this.#rules;
    const numRunning = Math.min(numRequests, capacity);
    const totalCells = 4 * instanceBlocks;
    const usedCells = numRunning === 0 ? 0 : (totalCells * numRunning) / capacity;
    const instance: InstanceView = instanceView(id, { state, requestedAtUs, totalCells, usedCells });
    const phases = {
      provisioning: 'loading',
      loading: 'loading',
      ready: 'serving',
      draining: 'draining',
    } as const;
    return groupView(id, 1, {
      phase: phases[state],
      stages: [{ instance, firstLayer: 0, numLayers: 4 }],
      running: requests(numRunning),
      waiting: requests(numRequests - numRunning),
    });
  }

  #apply(decision: Decision): void {
    switch (decision.kind) {
      case 'scaleUp':
        for (let count = 0; count < decision.numInstances; count += 1) {
          if (this.#members.length >= this.#rules.maxInstances) throw new Error('over the budget');
          this.#add('provisioning', this.nowUs + this.#rules.provisioningUs);
        }
        return;
      case 'drain': {
        const member = this.#member(decision.groupId, ['provisioning', 'loading', 'ready']);
        if (member.state !== 'ready') this.#members.splice(this.#members.indexOf(member), 1);
        member.state = 'draining';
        member.untilUs = this.nowUs + this.#rules.drainUs;
        return;
      }
      case 'cancelDrain': {
        const member = this.#member(decision.groupId, ['draining']);
        member.state = 'ready';
        member.untilUs = Infinity;
        return;
      }
      default:
        throw new Error(`an autoscaler does not ${decision.kind}`);
    }
  }

  #member(groupId: number, states: readonly State[]): Member {
    const member = this.#members.find(({ id }) => id === groupId);
    if (member === undefined || !states.includes(member.state)) {
      throw new Error(`group ${groupId} is ${member?.state ?? 'gone'}`);
    }
    return member;
  }

  #add(state: State, untilUs: number): void {
    this.#members.push({ id: this.#nextId, requestedAtUs: this.nowUs, state, untilUs });
    this.#nextId += 1;
  }

  #advance(nowUs: number): void {
    this.nowUs = nowUs;
    for (const member of this.#members.slice()) {
      if (member.state === 'provisioning' && member.untilUs <= nowUs) {
        member.state = 'loading';
        member.untilUs += this.#rules.loadingUs;
      }
      if (member.untilUs > nowUs) continue;
      if (member.state === 'draining') this.#members.splice(this.#members.indexOf(member), 1);
      else member.state = 'ready';
      member.untilUs = Infinity;
    }
  }
}

function requests(count: number) {
  return Array.from({ length: count }, (_, id) => requestView(id));
}
