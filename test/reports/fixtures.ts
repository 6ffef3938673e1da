import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { inject, vi } from 'vitest';
import { defaultLockTiming, withLock } from '../../harness/backend/lock.ts';
import { checksumOfText } from '../../harness/metrics/checksums.ts';
import { metrics } from '../../harness/metrics/metrics.ts';
import { manifestSchema, summarySchema } from '../../harness/metrics/results.ts';
import { charts } from '../../reports/charts/index.ts';
import { doneCells, loadResults } from '../../reports/load.ts';
import type { DoneCell, Results } from '../../reports/load.ts';
import { failing, measured, only, renamed } from './edits.ts';
import type { Documents, Edit } from './edits.ts';
import { simulate } from './simulate.ts';

// Whoever asks first for a run waits for it.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** A run of the product on the simulator, and what was changed in its results afterwards. */
interface Situation {
  /** `runs/NAME.yaml`. */
  readonly run: 'plain' | 'drops' | 'everything';
  readonly overrides?: readonly string[];
  readonly edits?: readonly Edit[];
}

export const hostileName = '</script><script>alert("1")</script><b>&\'';

const seven = ['recompute', 'swap', 'llumnix', 'kunserve', 'chiron', 'hpa', 'unlimited'];

/** Results that every chart has to cope with. What no run gives is a small edit of one. */
export const situations = {
  'three stacks, three seeds': { run: 'plain' },
  'three stacks, one seed': { run: 'plain', edits: [only({ seeds: [1] })] },
  'one stack, one seed': { run: 'plain', edits: [only({ stacks: ['recompute'], seeds: [2] })] },
  'seven stacks of three families, a failed cell': {
    run: 'everything',
    edits: [only({ stacks: seven }), failing({ 'hpa-s2': 'policy "hpa" failed in onTick: <img src=x>' })],
  },
  'weights dropped, a fault': { run: 'drops' },
  'everything that a stack can do': { run: 'everything' },
  measured: { run: 'plain', edits: [measured] },
  'cut off with requests unfinished': {
    run: 'plain',
    overrides: ['repeats=1', 'execution.maxDurationS=0.4'],
  },
  'no requests at all': {
    run: 'plain',
    overrides: ['repeats=1', 'workload.startS=0.009999', 'execution.maxDurationS=0.01'],
  },
  'a baseline without a finished cell': {
    run: 'plain',
    edits: [failing({ 'recompute-s1': 'gone', 'recompute-s2': 'gone', 'recompute-s3': 'gone' })],
  },
  'nothing finished': {
    run: 'plain',
    edits: [only({ seeds: [1] }), failing({ 'recompute-s1': 'a', 'swap-s1': 'b', 'unlimited-s1': 'c' })],
  },
  'names that attack': {
    run: 'plain',
    edits: [
      only({ stacks: ['recompute', 'swap'], seeds: [1] }),
      renamed({ recompute: 'constructor', swap: hostileName }, hostileName),
    ],
  },
} as const satisfies Readonly<Record<string, Situation>>;

export type SituationName = keyof typeof situations;

export const situationNames = Object.keys(situations) as readonly SituationName[];

/** The charts of a simulated run: the speed of the machine is drawn of measured ones alone (trust.test.ts). */
export const simulatedCharts = Object.keys(charts).filter((name) => name !== 'machine-speed');

/** A folder of its own with the results of a situation, for a test that writes into it. */
export async function folderOf(name: SituationName): Promise<string> {
  const { run, overrides = [], edits = [] }: Situation = situations[name];
  const source = await ranOnce(run, overrides);
  const dir = mkdtempSync(join(inject('sharedFolder'), 'results-'));
  let documents = read(source);
  for (const edit of edits) documents = await edit(documents, source);
  mkdirSync(join(dir, 'cells'));
  for (const { id, status } of documents.manifest.cells) {
    if (status === 'done') cpSync(join(source, 'cells', id), join(dir, 'cells', id), { recursive: true });
  }
  const summary = JSON.stringify(documents.summary);
  const manifest = { ...documents.manifest, summary_sha256: checksumOfText(summary) };
  writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest));
  writeFileSync(join(dir, 'summary.json'), summary);
  return dir;
}

const loaded = new Map<SituationName, Promise<Results>>();

/** The results of a situation, read by the report's own reader, once in a test file. */
export function resultsOf(name: SituationName): Promise<Results> {
  const known = loaded.get(name) ?? folderOf(name).then((dir) => loadResults(dir, metrics));
  loaded.set(name, known);
  return known;
}

/** The finished cell of a stack on the first seed. */
export function cellOf(results: Results, policy: string): DoneCell {
  return doneCells(results).find((cell) => cell.policy === policy && cell.seed === 1)!;
}

/** The folder of a run, made by the test file that asks first; the others wait for it. Nobody writes into it. */
async function ranOnce(run: Situation['run'], overrides: readonly string[]): Promise<string> {
  const dir = join(inject('sharedFolder'), [run, ...overrides].join(' '));
  const options = { timing: { ...defaultLockTiming, pollMs: 50 }, onWait() {} };
  await withLock(`${dir}.lock`, options, async () => {
    if (existsSync(dir)) return;
    const draft = `${dir}.draft`;
    rmSync(draft, { recursive: true, force: true });
    await simulate(run, overrides, draft);
    renameSync(draft, dir);
  });
  return dir;
}

function read(dir: string): Documents {
  const parse = (file: string): unknown => JSON.parse(readFileSync(join(dir, file), 'utf8'));
  return {
    manifest: manifestSchema.parse(parse('manifest.json')),
    summary: summarySchema.parse(parse('summary.json')),
  };
}

/** Every inlined row of a spec. */
export function valuesIn(spec: unknown): Record<string, unknown>[] {
  if (typeof spec !== 'object' || spec === null) return [];
  return Object.entries(spec).flatMap(([key, part]) =>
    key === 'values' && Array.isArray(part) ? part.filter((row) => typeof row === 'object') : valuesIn(part),
  );
}
