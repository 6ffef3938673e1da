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
  /** Timed products, after one that warms up. */
  readonly numRepeats: number;
  readonly numThreads: number;
}

const quickCheck: CheckOptions = { width: 64, numRepeats: 0, numThreads: 1 };

const script = fileURLToPath(new URL('binding-check.cjs', import.meta.url));

/** Whether a binding really computes: a product with a known result, in a process of its own. */
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

/** Node prints `Error: cause` followed by a stack. */
function causeOf(stderr: string): string {
  return stderr.split('\n').find((line) => line.startsWith('Error: ')) ?? lastLines(stderr);
}
