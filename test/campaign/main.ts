import { parseArgs } from 'node:util';
import { wallClockUs } from '../../harness/base/clock.ts';
import { runFaults } from './faults.ts';
import { fuzzConfigs } from './fuzz-config.ts';

/*
 * Hostile inputs and faults, for half of the time each. Prints its seed, how many tries there were, and every one that went wrong, and
 * exits with 1 where one did: `npm run campaign -- --seed 7 --seconds 600`.
 */

const { values } = parseArgs({ options: { seed: { type: 'string' }, seconds: { type: 'string' } } });
const seed = Number(values.seed ?? Math.floor(wallClockUs() * 1000) % 1_000_000);
const seconds = Number(values.seconds ?? 600);

console.log(`seed ${seed}`);
const faults = await runFaults({ seed, seconds: seconds / 2 });
for (const why of faults.wrong) console.log(`--- ${why}`);
const kinds = Object.entries(faults.tries).map(([kind, count]) => `${count} ${kind}`);
const numTries = Object.values(faults.tries).reduce((sum, count) => sum + count, 0);
console.log(`faults: ${numTries} tries (${kinds.join(', ')}), ${faults.wrong.length} wrong`);

const fuzz = await fuzzConfigs({ seed, tries: Number.POSITIVE_INFINITY, seconds: seconds / 2 });
for (const { text, why } of fuzz.wrong) console.log(`--- ${why}\n${text}`);
const outcomes = Object.entries(fuzz.counts).map(([kind, count]) => `${count} ${kind}`);
console.log(`configurations: ${fuzz.tries} tries, ${outcomes.join(', ')}`);

const isClean = faults.wrong.length + fuzz.wrong.length === 0 && numTries > 0 && fuzz.tries > 0;
process.exitCode = isClean ? 0 : 1;
