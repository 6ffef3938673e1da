import { differences } from '../base/differences.ts';
import { InputError } from '../base/errors.ts';
import type { InputIssue } from '../base/errors.ts';
import type { ResolvedConfig } from '../config/index.ts';
import { onlyStacks } from '../run/only-stacks.ts';
import type { PlanRequest, RunPlan } from '../run/plan.ts';
import { type Axis, parseAxis } from './axis.ts';
import { type Point, pointsOf } from './points.ts';

/** Everything that is known before the first cell of a sweep runs. */
export interface SweepPlan {
  readonly axes: readonly Axis[];
  /** The configuration as it is. */
  readonly base: RunPlan;
  readonly points: readonly PlannedPoint[];
}

export interface PlannedPoint {
  readonly point: Point;
  /** What has to be run of it; `undefined` where it changes nothing. */
  readonly plan: RunPlan | undefined;
}

interface SweepRequest {
  /** As `--over` gives them. */
  readonly axes: readonly string[];
  readonly request: Extract<PlanRequest, { kind: 'file' }>;
}

/** Plans all points before any runs. Throws an `InputError` with the mistakes of all axes, or of the first point that cannot be run. */
export async function planSweep(
  { axes: texts, request }: SweepRequest,
  plan: (request: PlanRequest) => Promise<RunPlan>,
): Promise<SweepPlan> {
  const axes = parseAxes(texts);
  const points = pointsOf(axes);
  const base = await plan(request);
  const planned: PlannedPoint[] = [];
  for (const point of points) {
    const overrides = [...request.overrides, ...point.overrides];
    planned.push({ point, plan: changedPart(base, await plan({ ...request, overrides })) });
  }
  return { axes, base, points: planned };
}

function parseAxes(texts: readonly string[]): readonly Axis[] {
  const parsed = texts.map(parseAxis);
  const issues = parsed.filter((entry): entry is InputIssue => 'message' in entry);
  if (texts.length === 0) {
    const hint = 'such as --over policies.mine.hpa.params.syncS=0.1,0.2';
    issues.push({ source: '--over', path: '', message: 'say what to vary', hint });
  }
  const axes = parsed.filter((entry): entry is Axis => 'values' in entry);
  const twice = axes.find(({ path }, index) => axes.findIndex((other) => other.path === path) !== index);
  if (twice !== undefined) issues.push({ source: '--over', path: twice.path, message: 'is given twice' });
  if (issues.length > 0) throw new InputError(issues);
  return axes;
}

/**
 * What of a point has to be run: the stacks that it changes, where it changes nothing else, since the others would do there what they
 * do without it; all of them where it changes the load, the cluster or the engine. `undefined` where it changes nothing.
 */
function changedPart(base: RunPlan, point: RunPlan): RunPlan | undefined {
  const changesAll = differences(withoutStacks(base.config), withoutStacks(point.config)).length > 0;
  const before = new Map(base.config.stacks.map((stack) => [stack.name, stack]));
  const stacks = point.config.stacks.filter(
    (stack) => changesAll || differences(before.get(stack.name), stack).length > 0,
  );
  const [first] = stacks;
  if (first === undefined) return undefined;
  const { baseline } = point.config;
  const isThere = stacks.some(({ name }) => name === baseline);
  return onlyStacks(point, { stacks, baseline: isThere ? baseline : first.name });
}

function withoutStacks(config: ResolvedConfig): object {
  return { ...config, stacks: undefined };
}
