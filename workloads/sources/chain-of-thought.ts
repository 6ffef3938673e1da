import type { Rng } from '../../harness/base/rng.ts';
import { secondsToUs } from '../../harness/base/units.ts';
import { arrivalTimes, constantRate } from '../arrival-process.ts';
import { createLengthSampler } from '../lengths.ts';
import type { PlannedSource } from '../merge.ts';
import { none, RequestTable } from '../request-table.ts';
import type { SourceOf } from '../source-schema.ts';
import {
  bounded,
  checkPlanSize,
  createRequestSampler,
  type PlanContext,
  type RequestSampler,
} from './plan.ts';

type ChainOfThought = SourceOf<'chain-of-thought'>;

/**
 * Plans questions with short prompts and very long answers: single questions, conversations, or several
 * parallel branches per question (self-consistency). The last question is planned completely, so its
 * followers or branches may exceed `numRequests`.
 */
export function planChainOfThought(source: ChainOfThought, context: PlanContext): PlannedSource {
  checkPlanSize(source.rate * requestsPerQuestion(source), source, context);
  const sampler = createRequestSampler(source, context);
  const table = new RequestTable();
  const addRest = createRest(source, { sampler, table, context });
  const times = arrivalTimes(source.gaps, constantRate(source.rate), context.stream('arrivals'));
  for (const timeS of bounded(times, source)) {
    if (source.numRequests !== undefined && table.numRequests >= source.numRequests) break;
    addRest(secondsToUs(source.startS + timeS));
  }
  return { className: source.class, outputLimitTokens: sampler.outputLimitTokens, table };
}

/** Returns the mean number of requests that a question brings. */
function requestsPerQuestion({ branches, followUps }: ChainOfThought): number {
  if (branches !== undefined) return branches.count;
  if (followUps === undefined) return 1;
  const { probability, maxTurns } = followUps;
  return probability === 1 ? maxTurns : (1 - probability ** maxTurns) / (1 - probability);
}

interface Parts {
  readonly sampler: RequestSampler;
  readonly table: RequestTable;
  readonly context: PlanContext;
}

/** Returns a function that adds one question at the given time, with all its followers or branches. */
function createRest(source: ChainOfThought, parts: Parts): (timeUs: number) => void {
  const { sampler, table } = parts;
  if (source.branches !== undefined) {
    const { count, needed = count } = source.branches;
    return (timeUs) => addBranches(timeUs, { count, needed }, parts);
  }
  if (source.followUps !== undefined) return createConversations(source.followUps, parts);
  return (timeUs) => void table.addRoot(timeUs, sampler.prompt(), sampler.output());
}

function addBranches(
  timeUs: number,
  { count, needed }: { count: number; needed: number },
  { sampler, table }: Parts,
): void {
  const promptTokens = sampler.prompt();
  const promptKey = table.numPromptKeys;
  const job = table.addJob(count, needed);
  for (let branch = 0; branch < count; branch += 1) {
    const outputTokens = sampler.output();
    table.add({ timeUs, follows: none, continues: false, promptTokens, outputTokens, promptKey, job });
  }
}

function createConversations(
  followUps: NonNullable<ChainOfThought['followUps']>,
  { sampler, table, context }: Parts,
): (timeUs: number) => void {
  const turnRng = context.stream('turns');
  const thinkRng = context.stream('think');
  const questionRng = context.stream('follow-up-prompt');
  const questions = createLengthSampler(followUps.promptTokens, 'promptTokens');
  const { maxContextTokens = Infinity } = followUps;
  return (timeUs) => {
    let promptTokens = sampler.prompt();
    let outputTokens = sampler.output();
    let last = table.addRoot(timeUs, promptTokens, outputTokens);
    for (let turn = 1; hasNextTurn(turn, followUps, turnRng); turn += 1) {
      promptTokens += outputTokens + questions.sample(questionRng);
      if (promptTokens + sampler.outputLimitTokens > maxContextTokens) return;
      outputTokens = sampler.output();
      last = table.add({
        timeUs: secondsToUs(followUps.thinkS * thinkRng.exponential()),
        follows: last,
        continues: true,
        promptTokens,
        outputTokens,
        promptKey: none,
        job: none,
      });
    }
  };
}

function hasNextTurn(
  turn: number,
  { maxTurns, probability }: { maxTurns: number; probability: number },
  rng: Rng,
): boolean {
  return turn < maxTurns && rng.uniform() < probability;
}
