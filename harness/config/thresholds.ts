import { mean } from '../base/stats.ts';
import { metricKeys, type MetricKey } from '../metrics/metrics.ts';
import type { CellSummary } from '../metrics/results.ts';
import { suggest } from '../base/suggest.ts';

/** A parsed threshold, such as `kunserve.p99_ttft_ms < 0.5 * recompute.p99_ttft_ms`. */
export interface Threshold {
  readonly text: string;
  readonly relation: Relation;
  readonly left: Expression;
  readonly right: Expression;
}

type Relation = '<' | '<=' | '>' | '>=' | '==';
type Operator = '+' | '-' | '*' | '/';

type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'metric'; readonly policy: string; readonly metric: MetricKey }
  | {
      readonly kind: 'binary';
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
    };

interface ThresholdProblem {
  readonly message: string;
  readonly hint?: string;
}

export type ParsedThreshold =
  | { readonly ok: true; readonly threshold: Threshold }
  | { readonly ok: false; readonly problem: ThresholdProblem };

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
 * Parses a threshold; `policies` are the valid stack names. Grammar: `sum relation sum`, with `sum = product
 * (('+' | '-') product)*`, `product = factor (('*' | '/') factor)*`, `factor = number | policy.metric | '('
 * sum ')'`, and `relation` one of `<  <=  >  >=  ==`.
 */
export function parseThreshold(text: string, policies: readonly string[]): ParsedThreshold {
  try {
    return { ok: true, threshold: new Parser(text, policies).parse() };
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    return { ok: false, problem: error.problem };
  }
}

/**
 * Evaluates a threshold on the cells of a run. A metric is the mean of its values over the seeds of its
 * policy.
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
  if (expression.kind === 'metric') return pooled(expression.policy, expression.metric, cells);
  const left = evaluate(expression.left, cells);
  const right = evaluate(expression.right, cells);
  if (left === undefined || right === undefined) return undefined;
  const value = operate[expression.operator](left, right);
  return Number.isFinite(value) ? value : undefined;
}

/** Returns undefined if any seed has no value: a mean over the others would flatter the policy. */
function pooled(policy: string, metric: MetricKey, cells: readonly CellSummary[]): number | undefined {
  const values = cells.filter((cell) => cell.policy === policy).map((cell) => cell[metric]);
  const numbers = values.filter((value) => typeof value === 'number');
  return numbers.length === values.length ? mean(numbers) : undefined;
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

class SyntaxProblem extends Error {
  readonly problem: ThresholdProblem;

  constructor(problem: ThresholdProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

/**
 * A policy's name may contain dashes and a metric's may not, so `a.x-1` is a difference and `my-idea.x` a
 * metric. No metric's name contains dots; one that is written with dots (`a.p99.9_ttft_ms`) is read as one
 * token, so that the message can suggest the nearest name.
 */
const tokenPattern =
  /\s*(?:(\d+(?:\.\d+)?(?:e[+-]?\d+)?)|([A-Za-z0-9][\w-]*(?:\.\w+)+)|(<=|>=|==|[<>+\-*/()])|(\S+))/g;

type Token =
  | { readonly kind: 'number' | 'metric' | 'symbol' | 'junk'; readonly text: string }
  | { readonly kind: 'end'; readonly text: '' };

/** Recursive-descent parser with one method per rule of the grammar. */
class Parser {
  readonly #text: string;
  readonly #policies: readonly string[];
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(text: string, policies: readonly string[]) {
    this.#text = text;
    this.#policies = policies;
    this.#tokens = tokenize(text);
  }

  parse(): Threshold {
    const left = this.#sum();
    const relation = this.#take(['<', '<=', '>', '>=', '==']);
    if (relation === undefined) throw this.#unexpected('a comparison (<, <=, >, >=, ==)');
    const right = this.#sum();
    if (this.#peek().kind !== 'end') throw this.#unexpected('the end');
    return { text: this.#text, relation, left, right };
  }

  #sum(): Expression {
    return this.#chain(['+', '-'], () => this.#chain(['*', '/'], () => this.#factor()));
  }

  #chain(operators: readonly Operator[], operand: () => Expression): Expression {
    let left = operand();
    for (;;) {
      const operator = this.#take(operators);
      if (operator === undefined) return left;
      left = { kind: 'binary', operator, left, right: operand() };
    }
  }

  #factor(): Expression {
    const token = this.#peek();
    if (token.kind === 'number') {
      this.#next += 1;
      return { kind: 'number', value: Number(token.text) };
    }
    if (token.kind === 'metric') {
      this.#next += 1;
      return this.#metric(token.text);
    }
    if (this.#take(['(']) === undefined) throw this.#unexpected('a number or policy.metric');
    const inner = this.#sum();
    if (this.#take([')']) === undefined) throw this.#unexpected('")"');
    return inner;
  }

  #metric(text: string): Expression {
    const dot = text.indexOf('.');
    const [policy, key] = [text.slice(0, dot), text.slice(dot + 1)];
    if (!this.#policies.includes(policy)) {
      throw new SyntaxProblem({
        message: `there is no policy "${policy}"`,
        hint: suggest(policy, this.#policies),
      });
    }
    const metric = metricKeys.find((candidate) => candidate === key);
    if (metric === undefined) {
      throw new SyntaxProblem({
        message: `there is no metric "${key}"`,
        hint: suggest(key, metricKeys),
      });
    }
    return { kind: 'metric', policy, metric };
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', text: '' };
  }

  #take<const Symbol extends string>(symbols: readonly Symbol[]): Symbol | undefined {
    const token = this.#peek();
    const symbol = symbols.find((candidate) => token.kind === 'symbol' && candidate === token.text);
    if (symbol !== undefined) this.#next += 1;
    return symbol;
  }

  #unexpected(expected: string): SyntaxProblem {
    const token = this.#peek();
    const found = token.kind === 'end' ? 'the end' : `"${token.text}"`;
    return new SyntaxProblem({
      message: `expected ${expected}, found ${found}`,
      hint: 'such as "kunserve.p99_ttft_ms < 0.5 * recompute.p99_ttft_ms"',
    });
  }
}

function tokenize(text: string): Token[] {
  const kinds = ['number', 'metric', 'symbol', 'junk'] as const;
  return [...text.trimEnd().matchAll(tokenPattern)].map((match) => {
    const index = kinds.findIndex((_, group) => match[group + 1] !== undefined);
    return { kind: kinds[index] ?? 'junk', text: match[index + 1] ?? '' };
  });
}
