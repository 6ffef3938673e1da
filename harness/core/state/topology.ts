import { removeFrom } from '../../base/lists.ts';
import { asGroupId, type GroupId } from '../../domain/ids.ts';
import type { Limits } from '../../policy/decisions.ts';
import type { GroupPhase } from '../../policy/views.ts';
import { ComputeSlot } from './compute-slot.ts';
import { InstanceGroup } from './group.ts';
import type { Instance } from './instance.ts';
import type { LayoutPart } from './kv-layout.ts';
import type { Request } from './request.ts';
import type { WeightLoad } from './weight-load.ts';

/** What every new group is made with. */
export interface GroupDefaults {
  readonly clock: { readonly nowUs: number };
  readonly blockSizeTokens: number;
  /** They are those of one instance: a pipeline may run as many requests as its members would. */
  readonly limits: Limits;
}

/** The topology knows which instances there are, and which of them serve together. */
export class Topology {
  /** All instances that there have been, by id; one that has failed or was released stays. */
  readonly instances: Instance[] = [];
  /** Groups that serve, load, drain or retire, the oldest first. */
  readonly groups: InstanceGroup[] = [];
  /** Loads of weights that are under way. */
  readonly weightLoads = new Set<WeightLoad>();
  /** Whether requests may have KV on instances that are no members of their group. */
  hasRemoteKv = false;
  readonly #defaults: GroupDefaults;
  readonly #groupById = new Map<GroupId, InstanceGroup>();
  /** The groups that each instance is a member of, by instance id. */
  readonly #groupsOn: InstanceGroup[][] = [];
  /** The compute slot of each instance, by instance id. */
  readonly #slots: ComputeSlot[] = [];
  #nextGroupId = 0;

  constructor(defaults: GroupDefaults) {
    this.#defaults = defaults;
  }

  /** How many instances are paid for. */
  get numInstances(): number {
    return this.instances.reduce((count, { isGone }) => (isGone ? count : count + 1), 0);
  }

  group(id: GroupId): InstanceGroup | undefined {
    return this.#groupById.get(id);
  }

  groupOf(request: Request): InstanceGroup | undefined {
    return request.groupId === undefined ? undefined : this.#groupById.get(request.groupId);
  }

  /** Groups that the instance is a member of: one, and beside it one that retires after a restore. */
  groupsOn(instance: Instance): readonly InstanceGroup[] {
    return this.#groupsOn[instance.id] ?? [];
  }

  /** The group that serves on the instance, apart from one that retires; none once it has failed. */
  servingGroupOn(instance: Instance): InstanceGroup | undefined {
    return this.groupsOn(instance).find((group) => group.phase !== 'retiring');
  }

  slotOf(instance: Instance): ComputeSlot {
    return this.#slots[instance.id] as ComputeSlot;
  }

  addInstance(instance: Instance): void {
    this.instances[instance.id] = instance;
    this.#slots[instance.id] = new ComputeSlot();
    this.#groupsOn[instance.id] = [];
  }

  addGroup(parts: readonly LayoutPart[], phase: GroupPhase): InstanceGroup {
    const { clock, blockSizeTokens, limits } = this.#defaults;
    const group = new InstanceGroup({
      id: asGroupId(this.#nextGroupId),
      clock,
      parts,
      blockSizeTokens,
      limits: { ...limits, maxRunning: limits.maxRunning * parts.length },
    });
    this.#nextGroupId += 1;
    group.phase = phase;
    this.groups.push(group);
    this.#groupById.set(group.id, group);
    for (const { instance } of parts) this.#groupsOn[instance.id]?.push(group);
    return group;
  }

  removeGroup(group: InstanceGroup): void {
    group.isGone = true;
    removeFrom(this.groups, group);
    this.#groupById.delete(group.id);
    for (const { instanceId } of group.pipeline) removeFrom(this.#groupsOn[instanceId] ?? [], group);
  }
}
