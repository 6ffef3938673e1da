import type { EndStatus, RequestRecord } from '../observer.ts';
import { Request } from './request.ts';

/** What is told about a request when it has left the cluster; `endedAtUs` stays open for an unfinished one. */
export function recordOf(
  request: Request,
  end: { readonly status: EndStatus; readonly reason: string | undefined; readonly nowUs: number },
): RequestRecord {
  const { status, reason, nowUs } = end;
  return {
    id: request.id,
    sessionId: request.sessionId,
    parentId: request.parentId,
    className: request.className,
    status,
    endReason: reason,
    arrivedAtUs: request.arrivedAtUs,
    firstScheduledAtUs: request.firstScheduledAtUs,
    firstTokenAtUs: request.firstTokenAtUs,
    endedAtUs: status === 'unfinished' ? undefined : nowUs,
    promptTokens: request.promptTokens,
    outputTokens: Request.specOf(request).outputTokens,
    generatedTokens: request.generatedTokens,
    maxTokenGapUs: request.maxTokenGapUs,
    groupId: request.groupId,
    numPreemptions: request.numPreemptions,
    numSwaps: request.numSwaps,
    numMigrations: request.numMigrations,
    preemptedUs: request.preemptedUs,
    stalledUs: request.stalledUs,
  };
}
