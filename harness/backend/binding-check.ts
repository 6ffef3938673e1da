import { fileURLToPath } from 'node:url';
import { lastLines, runCommand } from './command.ts';
import { backendEnvironment } from './environment.ts';
import type { Host } from './host.ts';

interface BindingReport {
  readonly tensorflowVersion: string;
  readonly usesGpu: boolean;
  readonly gflopsPerSecond: number;
}

export type BindingCheck =
  | { readonly kind: 'computes'; readonly report: BindingReport }
  | { readonly kind: 'fails'; readonly cause: string };

export interface CheckOptions {
  readonly width: number;
  /** Number of timed products, after one for warm-up. */
  readonly numRepeats: number;
  readonly numThreads: number;
}

const quickCheck: CheckOptions = { width: 64, numRepeats: 0, numThreads: 1 };

const script = fileURLToPath(new URL('binding-check.cjs', import.meta.url));

/** Checks in a separate process whether a binding computes: a matrix product with a known result. */
export async function checkBinding(
  host: Host,
  bindingPath: string,
  options: CheckOptions = quickCheck,
): Promise<BindingCheck> {
  const args = [script, bindingPath, String(options.width), String(options.numRepeats)];
  const env = { ...host.env, ...backendEnvironment(options, host.env) };
  const result = await runCommand(host.nodePath, args, { env });
  if (result.kind === 'missing') return { kind: 'fails', cause: `${host.nodePath} does not start` };
  if (result.signal !== null) return { kind: 'fails', cause: causeOfSignal(result.signal) };
  if (result.exitCode !== 0) return { kind: 'fails', cause: causeOf(result.stderr) };
  const report: BindingReport & { readonly isCorrect: boolean } = JSON.parse(lastLines(result.stdout, 1));
  return report.isCorrect
    ? { kind: 'computes', report }
    : { kind: 'fails', cause: 'a matrix product came out wrong' };
}

function causeOfSignal(signal: NodeJS.Signals): string {
  const hint =
    signal === 'SIGILL' ? ' (the processor lacks instructions that TensorFlow needs, such as AVX)' : '';
  return `it crashed with ${signal}${hint}`;
}

/** Returns the line with the cause: Node prints `Error: cause` followed by a stack. */
function causeOf(stderr: string): string {
  return stderr.split('\n').find((line) => line.startsWith('Error: ')) ?? lastLines(stderr);
}
