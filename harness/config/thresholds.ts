import { mean } from '../base/stats.ts';
import type { ClassMetricKey, MetricKey } from '../metrics/metrics.ts';
import type { CellSummary } from '../metrics/results.ts';

/** A parsed threshold, such as `kunserve.p99_ttft_ms < 0.5 * recompute.p99_ttft_ms`. */
export interface Threshold {
  readonly text: string;
  readonly relation: Relation;
  readonly left: Expression;
  readonly right: Expression;
}

type Relation = '<' | '<=' | '>' | '>=' | '==';
export type Operator = '+' | '-' | '*' | '/';

export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | ({ readonly kind: 'figure'; readonly policy: string } & Figure)
  | {
      readonly kind: 'binary';
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
    };

/** A metric of a stack, of one class of its requests, or what its policies report about themselves (`policy.figure`). */
type Figure =
  | { readonly of: 'stack'; readonly metric: MetricKey }
  | { readonly of: 'class'; readonly className: string; readonly metric: ClassMetricKey }
  | { readonly of: 'policies'; readonly key: string };

export interface ThresholdResult {
  readonly text: string;
  /**
   * `unknown` if a side has no value (no cell, an undefined metric, a division by 0). It counts as crossed.
   */
  readonly outcome: 'met' | 'crossed' | 'unknown';
  readonly left: number | undefined;
  readonly right: number | undefined;
}

/**
 * Evaluates a threshold on the cells of a run. A figure is the mean of its values over the seeds of its
 * stack.
 */
export function evaluateThreshold(threshold: Threshold, cells: readonly CellSummary[]): ThresholdResult {
  const left = evaluate(threshold.left, cells);
  const right = evaluate(threshold.right, cells);
  const { text, relation } = threshold;
  if (left === undefined || right === undefined) return { text, outcome: 'unknown', left, right };
  return { text, outcome: holds[relation](left, right) ? 'met' : 'crossed', left, right };
}

function evaluate(expression: Expression, cells: readonly CellSummary[]): number | undefined {
  if (expression.kind === 'number') return expression.value;
  if (expression.kind === 'figure') return pooled(expression.policy, expression, cells);
  const left = evaluate(expression.left, cells);
  const right = evaluate(expression.right, cells);
  if (left === undefined || right === undefined) return undefined;
  const value = operate[expression.operator](left, right);
  return Number.isFinite(value) ? value : undefined;
}

/** Returns undefined if any seed has no value: a mean over the others would flatter the policy. */
function pooled(policy: string, figure: Figure, cells: readonly CellSummary[]): number | undefined {
  const values = cells.filter((cell) => cell.policy === policy).map((cell) => valueOf(cell, figure));
  const numbers = values.filter((value) => typeof value === 'number');
  return numbers.length === values.length ? mean(numbers) : undefined;
}

function valueOf({ classes, policy_stats: stats, ...summary }: CellSummary, figure: Figure) {
  switch (figure.of) {
    case 'stack':
      return summary[figure.metric];
    case 'class':
      return classes[figure.className]?.[figure.metric];
    case 'policies':
      return stats[figure.key];
  }
}

const operate: Readonly<Record<Operator, (left: number, right: number) => number>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
};

const holds: Readonly<Record<Relation, (left: number, right: number) => boolean>> = {
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
  '==': (left, right) => left === right,
};
