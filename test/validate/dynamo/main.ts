import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EnvironmentError, InputError, messageOf } from '../../../harness/base/errors.ts';
import { recordedCase, replayCases, requestsOf } from './cases.ts';
import { ensurePeer, peerVersion } from './environment.ts';
import { figuresOf, type Outcome, pair } from './outcomes.ts';
import { type Replay, replayAtPeer } from './peer.ts';
import { type CaseResult, formatReport, hasPassed } from './report.ts';
import { serve } from './serve.ts';

/**
 * Our simulated core against NVIDIA Dynamo's offline replay of vLLM (`python -m dynamo.replay`), which shares no code with
 * it: the same arrivals, the same memory and the same step times for the same batch, from one table, so that what is
 * left to differ is scheduling: admission, chunking, preemption, the order of requests. Loads where decoding and where
 * prefill takes the time, one and four instances, memory ample and short. Prints each figure of both and their ratio, then
 * one line of JSON; exit code 1 where one is off.
 *
 * Dynamo gets a virtual environment of its own, `--venv DIR`. `--seed N` draws other requests. `--record FILE` writes
 * the times that a test without Dynamo compares with, and nothing else.
 */
async function main(): Promise<void> {
  const { venv, seed, record } = readArguments();
  const python = await ensurePeer(venv);
  if (record !== undefined) return writeRecording(python, record, seed);
  const replays = replayCases.map((replayCase) => ({ replayCase, specs: requestsOf(replayCase, seed) }));
  const outcomes = await replayAtPeer(python, replays);
  const results = replays.map((replay, index) => compare(replay, outcomes[index] as Outcome[]));
  process.stdout.write(`${formatReport(results, `dynamo ${peerVersion}`)}\n`);
  process.stdout.write(`${JSON.stringify({ validation: 'dynamo', peerVersion, seed, results })}\n`);
  if (!hasPassed(results)) process.exitCode = 1;
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      venv: { type: 'string', default: fileURLToPath(new URL('.venv', import.meta.url)) },
      seed: { type: 'string', default: '1' },
      record: { type: 'string' },
    },
  });
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed))
    throw new InputError({ source: '--seed', path: '', message: `a whole number, not "${values.seed}"` });
  return { ...values, seed };
}

function compare({ replayCase, specs }: Replay, theirs: readonly Outcome[]): CaseResult {
  const { outcomes: ours, numPreemptions, prefillRatio } = serve(replayCase, specs);
  return {
    name: replayCase.name,
    numRequests: specs.length,
    numPreemptions,
    prefillRatio,
    numSame: pair(ours, theirs).filter(isSame).length,
    ours: figuresOf(ours),
    theirs: figuresOf(theirs),
  };
}

function isSame([our, their]: readonly [Outcome, Outcome]): boolean {
  return (
    Math.abs(our.firstTokenMs - their.firstTokenMs) < 1 && Math.abs(our.lastTokenMs - their.lastTokenMs) < 1
  );
}

async function writeRecording(python: string, path: string, seed: number): Promise<void> {
  const specs = requestsOf(recordedCase, seed);
  const [outcomes = []] = await replayAtPeer(python, [{ replayCase: recordedCase, specs }]);
  const rows = outcomes.map((outcome) => JSON.stringify(outcome)).join(',\n');
  writeFileSync(path, `{ "peerVersion": "${peerVersion}", "outcomes": [\n${rows}\n] }\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  if (error instanceof EnvironmentError) process.stderr.write(`Remedy: ${error.remedy}\n`);
  process.exitCode = 1;
}
