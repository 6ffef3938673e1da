export { type BuiltWorkload, buildWorkload, classesOf, type WorkloadRequest } from './build.ts';
export {
  type DescribeOptions,
  describeWorkload,
  type WorkloadDescription,
  type WorkloadSeries,
} from './describe.ts';
export { renderDescription } from './describe-text.ts';
export { type WorkloadSource, workloadSourceSchema } from './source-schema.ts';
export { traceSourceOf } from './traces/recognize.ts';
export { spanOf, type TraceReport } from './traces/report.ts';
