import type { RequestClass, RequestView } from '../../harness/policy/index.ts';
import type { Params } from './params.ts';

type Rule = Pick<Params, 'batchClasses' | 'interactiveTtftS' | 'batchDeadlineS'>;

/** Which classes are batch, what their deadlines are, and how fast tokens of a class must come. */
export class ServiceClasses {
  readonly batchNames: readonly string[];
  readonly hasInteractive: boolean;
  readonly #batch: ReadonlySet<string>;
  readonly #byName: ReadonlyMap<string, RequestClass>;
  readonly #defaultTtftUs: number;

  /** Throws where `batchClasses` names a class that there is not. */
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

  /** By when the request must have its first token: a moment and not a span, in microseconds of virtual time. */
  deadlineUs({ className, arrivedAtUs }: Pick<RequestView, 'className' | 'arrivedAtUs'>): number {
    return arrivedAtUs + (this.#byName.get(className)?.slo.ttftUs ?? this.#defaultTtftUs);
  }

  /** Target for the time between two tokens, in microseconds. */
  tokenGapUs(className: string): number | undefined {
    return this.#byName.get(className)?.slo.tpotUs;
  }
}

function slowClasses(classes: readonly RequestClass[], interactiveTtftS: number): readonly string[] {
  const isSlow = ({ slo }: RequestClass): boolean => (slo.ttftUs ?? Infinity) > interactiveTtftS * 1e6;
  return classes.filter(isSlow).map(({ name }) => name);
}
