import type { RequestClass, RequestView } from '../../harness/policy/index.ts';
import type { Params } from './params.ts';

type Rule = Pick<Params, 'batchClasses' | 'interactiveTtftS' | 'batchDeadlineS'>;

/**
 * Tells which request classes are batch, when their requests are due, and their target time between tokens.
 */
export class ServiceClasses {
  readonly batchNames: readonly string[];
  readonly hasInteractive: boolean;
  readonly #batch: ReadonlySet<string>;
  readonly #byName: ReadonlyMap<string, RequestClass>;
  readonly #defaultTtftUs: number;

  /** Throws an Error if `batchClasses` names an unknown class. */
  constructor(classes: readonly RequestClass[], rule: Rule) {
    this.#byName = new Map(classes.map((requestClass) => [requestClass.name, requestClass]));
    this.#batch = new Set(rule.batchClasses ?? slowClasses(classes, rule.interactiveTtftS));
    for (const name of this.#batch) {
      if (this.#byName.has(name)) continue;
      const known = [...this.#byName.keys()].join(', ');
      throw new Error(`batchClasses: there is no class "${name}"; the classes are ${known}`);
    }
    this.batchNames = [...this.#batch];
    this.hasInteractive = classes.length > this.#batch.size;
    this.#defaultTtftUs = rule.batchDeadlineS * 1e6;
  }

  isBatch(className: string): boolean {
    return this.#batch.has(className);
  }

  /** Returns when the request must have its first token, as a point in virtual time in microseconds. */
  deadlineUs({ className, arrivedAtUs }: Pick<RequestView, 'className' | 'arrivedAtUs'>): number {
    return arrivedAtUs + (this.#byName.get(className)?.slo.ttftUs ?? this.#defaultTtftUs);
  }

  /** Returns the target for the time between tokens in microseconds, or undefined if the class has none. */
  tokenGapUs(className: string): number | undefined {
    return this.#byName.get(className)?.slo.tpotUs;
  }
}

function slowClasses(classes: readonly RequestClass[], interactiveTtftS: number): readonly string[] {
  const isSlow = ({ slo }: RequestClass): boolean => (slo.ttftUs ?? Infinity) > interactiveTtftS * 1e6;
  return classes.filter(isSlow).map(({ name }) => name);
}
