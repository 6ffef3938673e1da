import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parse, stringify } from 'yaml';
import { wallClockUs } from '../../harness/base/clock.ts';
import { createRng, type Rng } from '../../harness/base/rng.ts';
import { type Outcome, Trials } from './fuzz-outcome.ts';
import { mutateConfig, mutateText, vocabularyOf } from './mutate-config.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Ends after so many configurations, or when the time is over, whichever comes first. */
  readonly tries: number;
  readonly seconds: number;
}

export interface FuzzResult {
  readonly tries: number;
  readonly counts: Readonly<Record<Outcome['kind'], number>>;
  /** The configurations that ended in anything but a clean run or a refusal with a place, and how. */
  readonly wrong: readonly { readonly text: string; readonly why: string }[];
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Configurations that use what the shipped ones do not: every source, every distribution, inline hardware. */
const seedTexts: readonly string[] = readdirSync(join(root, 'test/campaign/seeds'))
  .toSorted()
  .map((file) => readFileSync(join(root, 'test/campaign/seeds', file), 'utf8'));

const shippedTexts: readonly string[] = ['burst', 'chain-of-thought', 'azure-code-14b', 'gpu'].map((name) =>
  readFileSync(join(root, `configs/${name}.yaml`), 'utf8'),
);

/**
 * Mutates valid configurations and tries each: it must be refused with a place or run to its end, simulated and cut short.
 * The same seed gives the same configurations.
 */
export async function fuzzConfigs({ seed, tries, seconds }: FuzzOptions): Promise<FuzzResult> {
  const texts = [...seedTexts, ...shippedTexts].map((text) =>
    text.replaceAll('FIXTURES', join(root, 'test/fixtures/traces')),
  );
  const parsed: readonly unknown[] = texts.map((text) => parse(text) as unknown);
  const vocabulary = vocabularyOf(parsed);
  const counts = { refused: 0, ran: 0, 'too large to run here': 0, wrong: 0 };
  const wrong: { text: string; why: string }[] = [];
  const cwd = mkdtempSync(join(tmpdir(), 'fuzz-config-'));
  const trials = new Trials();
  const startUs = wallClockUs();
  let numTries = 0;
  try {
    for (; numTries < tries && wallClockUs() - startUs < seconds * 1e6; numTries += 1) {
      const rng = createRng(seed, `configuration/${numTries}`);
      const text = mutant(rng);
      writeFileSync(join(cwd, 'mutant.yaml'), text);
      const outcome = await trials.outcomeOf('mutant.yaml', cwd);
      counts[outcome.kind] += 1;
      if (outcome.kind === 'wrong') wrong.push({ text, why: outcome.why });
    }
  } finally {
    trials.close();
    rmSync(cwd, { recursive: true, force: true });
  }
  return { tries: numTries, counts, wrong };

  function mutant(rng: Rng): string {
    const config = parsed[rng.integer(parsed.length)];
    const text = stringify(rng.uniform() < 0.9 ? mutateConfig(config, vocabulary, rng) : config);
    return rng.uniform() < 0.1 ? mutateText(text, rng) : text;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, tries: { type: 'string' }, seconds: { type: 'string' } },
  });
  const seed = Number(values.seed ?? Math.floor(wallClockUs() * 1000) % 1_000_000);
  const options = { seed, tries: Number(values.tries ?? 1_000_000), seconds: Number(values.seconds ?? 60) };
  const { tries, counts, wrong } = await fuzzConfigs(options);
  for (const { text, why } of wrong) console.log(`--- ${why}\n${text}`);
  const figures = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  console.log(`configurations: ${tries} tries, ${figures.join(', ')}; seed ${seed}`);
  process.exitCode = counts.wrong === 0 && tries > 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
