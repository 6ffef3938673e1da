import type { Rng } from '../../harness/base/rng.ts';

/** A part of a configuration as YAML gives it. */
type Part = unknown;

/** Values that have broken programs before, whatever the key. */
const hostile: readonly Part[] = [
  0,
  -1,
  1,
  2,
  0.5,
  -0.5,
  1e-300,
  1e-12,
  1e-9,
  1e-6,
  1e9,
  1e12,
  1e15,
  1e300,
  2 ** 31,
  2 ** 53,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  ' ',
  '../../x',
  '__proto__',
  'constructor',
  'x'.repeat(300),
  '1e9',
  'NaN GiB',
  '1e-300 B/s',
  '0 B',
  'é\u0000\u202e',
  '5 < 3',
  `${'('.repeat(3000)}1`,
  true,
  false,
  null,
  [],
  {},
  [[]],
  { kind: 'poisson' },
  { use: 'recompute' },
  ['least-loaded'],
];

/** Lines and signs that have a meaning in YAML. */
const hostileText = [
  '*x',
  '&x ',
  '<<: *x',
  '{',
  '[',
  ']',
  '\t',
  '- ',
  '!!js/function x',
  '---',
  '%YAML',
  '? ',
  '|',
  '"',
];

/** What keys have held anywhere in the configurations that are mutated. */
export type Vocabulary = ReadonlyMap<string, readonly Part[]>;

/** Collects, for each key of these configurations, the values that it has. */
export function vocabularyOf(configs: readonly Part[]): Vocabulary {
  const values = new Map<string, Part[]>();
  const visit = (part: Part): void => {
    if (Array.isArray(part)) part.forEach(visit);
    if (!isMapping(part)) return;
    for (const [key, value] of Object.entries(part)) {
      values.set(key, [...(values.get(key) ?? []), value]);
      visit(value);
    }
  };
  configs.forEach(visit);
  return values;
}

/** Returns a copy with one to three parts changed, mostly one. */
export function mutateConfig(config: Part, vocabulary: Vocabulary, rng: Rng): Part {
  let mutated = structuredClone(config);
  const numChanges = 1 + Math.floor(3 * rng.uniform() ** 2);
  for (let left = numChanges; left > 0; left -= 1) mutated = mutateOnce(mutated, vocabulary, rng);
  return mutated;
}

/** Returns the text with a line or a sign changed, which seldom leaves it YAML. */
export function mutateText(text: string, rng: Rng): string {
  const lines = text.split('\n');
  const index = rng.integer(lines.length);
  const line = lines[index] ?? '';
  const cut = rng.integer(line.length + 1);
  const sign = pick(hostileText, rng);
  const changes: readonly (() => void)[] = [
    () => lines.splice(index, 1),
    () => lines.splice(index, 0, line),
    () => (lines[index] = ` ${line}`),
    () => (lines[index] = line.slice(0, cut) + sign + line.slice(cut)),
    () => lines.splice(index + 1),
    () => lines.splice(index, 0, sign),
  ];
  pick(changes, rng)();
  return lines.join('\n');
}

/** Goes down a random way and changes what it finds, or the mapping or list around it. */
function mutateOnce(part: Part, vocabulary: Vocabulary, rng: Rng): Part {
  const isLeaf = typeof part !== 'object' || part === null;
  if (isLeaf || rng.uniform() < 0.1) return mutateValue(part, vocabulary, rng);
  if (Array.isArray(part)) return mutateList(part, vocabulary, rng);
  return isMapping(part) ? mutateMapping({ ...part }, vocabulary, rng) : part;
}

function mutateMapping(part: Record<string, Part>, vocabulary: Vocabulary, rng: Rng): Part {
  const keys = Object.keys(part);
  const chance = rng.uniform();
  const key = keys.length === 0 || chance < 0.15 ? pick([...vocabulary.keys()], rng) : pick(keys, rng);
  if (chance < 0.15) return { ...part, [key]: pick(vocabulary.get(key) ?? [null], rng) };
  if (chance < 0.22) delete part[key];
  else if (chance < 0.25) part[`${key}x`] = part[key];
  else part[key] = mutateOnce(part[key], vocabulary, rng);
  return part;
}

function mutateList(part: readonly Part[], vocabulary: Vocabulary, rng: Rng): Part {
  if (part.length === 0) return [pick(hostile, rng)];
  const index = rng.integer(part.length);
  const chance = rng.uniform();
  if (chance < 0.1) return part.toSpliced(index, 1);
  if (chance < 0.2) return part.toSpliced(index, 0, part[index]);
  return part.with(index, mutateOnce(part[index], vocabulary, rng));
}

function mutateValue(part: Part, vocabulary: Vocabulary, rng: Rng): Part {
  const chance = rng.uniform();
  if (typeof part === 'number' && chance < 0.5)
    return Math.round(part * 10 ** (rng.integer(13) - 6) * 1e9) / 1e9;
  if (chance < 0.6) return pick(pick([...vocabulary.values()], rng), rng);
  return pick(hostile, rng);
}

function pick<T>(list: readonly T[], rng: Rng): T {
  return list[rng.integer(list.length)] as T;
}

function isMapping(value: Part): value is Record<string, Part> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
