import { suggest } from '../base/suggest.ts';
import { classMetricKeys, metricKeys } from '../metrics/metrics.ts';
import type { Expression, Operator, Threshold } from './thresholds.ts';

/** What a threshold may name. */
interface ThresholdNames {
  readonly stacks: readonly string[];
  /** `undefined` where mistakes elsewhere leave open which there are: then any name is taken. */
  readonly classes: readonly string[] | undefined;
}

interface ThresholdProblem {
  readonly message: string;
  readonly hint?: string;
}

export type ParsedThreshold =
  | { readonly ok: true; readonly threshold: Threshold }
  | { readonly ok: false; readonly problem: ThresholdProblem };

/**
 * Parses a threshold. Grammar: `sum relation sum`, with `sum = product (('+' | '-') product)*`, `product = factor
 * (('*' | '/') factor)*`, `factor = number | figure | '(' sum ')'`, `relation` one of `<  <=  >  >=  ==`, and
 * `figure = stack.metric | stack[class].metric | stack[policy.figure]`. Which figures a policy reports is known only after
 * the run.
 */
export function parseThreshold(text: string, names: ThresholdNames): ParsedThreshold {
  try {
    return { ok: true, threshold: new Parser(text, names).parse() };
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    return { ok: false, problem: error.problem };
  }
}

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
 * token, so that the message can suggest the nearest name. Names of classes may hold anything but brackets.
 */
const tokenPattern =
  /\s*(?:(\d+(?:\.\d+)?(?:e[+-]?\d+)?)|([A-Za-z0-9][\w-]*(?:\[[^[\]]*\](?:(?:\.\w+)+)?|(?:\.\w+)+))|(<=|>=|==|[<>+\-*/()])|(\S+))/g;

type Token =
  | { readonly kind: 'number' | 'figure' | 'symbol' | 'junk'; readonly text: string }
  | { readonly kind: 'end'; readonly text: '' };

/** Recursive-descent parser with one method per rule of the grammar. */
class Parser {
  readonly #text: string;
  readonly #names: ThresholdNames;
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(text: string, names: ThresholdNames) {
    this.#text = text;
    this.#names = names;
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
    if (token.kind === 'figure') {
      this.#next += 1;
      return this.#figure(token.text);
    }
    if (this.#take(['(']) === undefined) throw this.#unexpected('a number or stack.metric');
    const inner = this.#sum();
    if (this.#take([')']) === undefined) throw this.#unexpected('")"');
    return inner;
  }

  /** `stack.metric`, `stack[class].metric`, `stack[policy.figure]`. */
  #figure(text: string): Expression {
    const [, policy = '', inner, key] = /^([\w-]+)(?:\[(.*)\])?(?:\.(.*))?$/.exec(text) ?? [];
    const { stacks, classes } = this.#names;
    requireName('policy', policy, stacks);
    if (inner === undefined) {
      return { kind: 'figure', policy, of: 'stack', metric: requireName('metric', key ?? '', metricKeys) };
    }
    if (key === undefined)
      return { kind: 'figure', policy, of: 'policies', key: requireFigure(inner, classes ?? []) };
    const className = requireName('class', inner, classes ?? [inner]);
    const metric = requireName('metric of a class', key, classMetricKeys);
    return { kind: 'figure', policy, of: 'class', className, metric };
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

/** Returns the one of the names that it is. Throws a `SyntaxProblem` with the nearest where it is none. */
function requireName<Name extends string>(what: string, name: string, names: readonly Name[]): Name {
  const known = names.find((candidate) => candidate === name);
  if (known !== undefined) return known;
  throw new SyntaxProblem({ message: `there is no ${what} "${name}"`, hint: suggest(name, names) });
}

/** A figure is known by the policy that reports it; a class that stands alone lacks its metric. */
function requireFigure(key: string, classes: readonly string[]): string {
  if (/^[^.]+\../.test(key) && !classes.includes(key)) return key;
  throw new SyntaxProblem({
    message: `[${key}] is neither a policy's own figure nor a metric of a class`,
    hint: 'such as "llumnix[llumnix.migrations_to_balance] > 0", or "kunserve[chat].p99_ttft_ms < 500"',
  });
}

function tokenize(text: string): Token[] {
  const kinds = ['number', 'figure', 'symbol', 'junk'] as const;
  return [...text.trimEnd().matchAll(tokenPattern)].map((match) => {
    const index = kinds.findIndex((_, group) => match[group + 1] !== undefined);
    return { kind: kinds[index] ?? 'junk', text: match[index + 1] ?? '' };
  });
}
