import { usPerSecond } from '../base/units.ts';
import { asRequestId } from '../domain/ids.ts';
import type { RequestClass, RequestSpec } from '../domain/workload.ts';
import { followUp, request } from './tiny-cluster.ts';

/** A load of about two requests at a time, far below what the memory holds. */
export const calmLoad: readonly RequestSpec[] = Array.from({ length: 12 }, (_, id) =>
  request(id, id * 20_000, 30, 12),
);

/** Twenty requests of different lengths nearly at once, which need several times the memory. */
export const overload = unlikeRequests(20, 300);

function unlikeRequests(count: number, gapUs: number): readonly RequestSpec[] {
  return Array.from({ length: count }, (_, id) =>
    request(id, id * gapUs, 20 + ((id * 37) % 60), 20 + ((id * 53) % 90)),
  );
}

/** Four minutes of more than one instance can serve: autoscalers that look rarely see it as well. */
export const lastingLoad = unlikeRequests(120, 2 * usPerSecond);

/**
 * The overload, then one request every 40 s for longer than any autoscaler waits before it removes instances.
 */
export const overloadThenCalm: readonly RequestSpec[] = [
  ...unlikeRequests(20, usPerSecond / 4),
  ...Array.from({ length: 12 }, (_, index) => request(20 + index, (200 + 40 * index) * usPerSecond, 30, 12)),
];

export const twoClasses: readonly RequestClass[] = [
  { name: 'interactive', priority: 1, slo: { ttftUs: 2 * usPerSecond, tpotUs: usPerSecond } },
  { name: 'batch', priority: 0, slo: {} },
];

/** The overload and the calm after it, every third request of the class of higher priority. */
export const mixedLoad: readonly RequestSpec[] = overloadThenCalm.map((spec) => ({
  ...spec,
  className: spec.id % 3 === 0 ? 'interactive' : 'batch',
}));

/** Ten conversations of three turns each, which begin nearly at once and think for a few steps between two turns. */
export const conversations: readonly RequestSpec[] = Array.from({ length: 10 }, (_, index) => {
  const id = 3 * index;
  const first = request(id, index * 700, 20 + ((index * 7) % 20), 20 + ((index * 13) % 20));
  const second = followUp(id + 1, first, { delayUs: 1000 + 300 * index, newTokens: 10, outputTokens: 15 });
  return [first, second, followUp(id + 2, second, { delayUs: 500, newTokens: 5, outputTokens: 25 })];
}).flat();

/** Six questions, each asked in three branches of unlike length, of which two answers are enough. */
export const branches: readonly RequestSpec[] = Array.from({ length: 6 }, (_, job) => {
  const ids = [0, 1, 2].map((branch) => asRequestId(3 * job + branch));
  return ids.map((id, branch) => ({
    ...request(id, job * 2000, 30 + 5 * job, 15 + 25 * branch),
    promptKey: job,
    job: { id: job, branches: ids, needed: 2 },
  }));
}).flat();
