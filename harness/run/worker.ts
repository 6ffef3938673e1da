import { PluginHost } from './plugin-host.ts';
import { Watchdog } from './watchdog.ts';
import { packError } from './worker-protocol.ts';
import type { WorkerReply, WorkerRequest } from './worker-protocol.ts';

/**
 * A worker process: runs one task at a time, each of which may run code of a plug-in, and is ended by its watchdog when
 * that code does not come back. It never outlives its parent.
 */
const watchdog = new Watchdog(process.ppid);
const host = new PluginHost(watchdog, (use) => reply({ kind: 'plugin', use }));

process.on('message', (request: WorkerRequest) => void answer(request));
// Its group: what a plug-in has started goes with it.
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
// Ctrl-C reaches every process of the terminal; the parent decides what becomes of its workers.
process.on('SIGINT', () => {});

async function answer(request: WorkerRequest): Promise<void> {
  try {
    reply({ kind: 'done', output: await host.charging(() => perform(request)) });
  } catch (error) {
    reply({ kind: 'failed', error: packError(error) });
  }
}

async function perform(request: WorkerRequest): Promise<unknown> {
  switch (request.kind) {
    case 'cell': {
      watchdog.setTimeoutMs(request.input.config.execution.policyTimeoutMs);
      const { runCell } = await import('./cell.ts');
      return runCell(request.input, {
        onProgress: (progress) => reply({ kind: 'progress', progress }),
        guard: host,
      });
    }
    case 'twin': {
      watchdog.setTimeoutMs(request.input.config.execution.policyTimeoutMs);
      const { runTwin } = await import('./twin.ts');
      return runTwin(request.input, host);
    }
    case 'clock': {
      watchdog.setTimeoutMs(request.input.config.execution.policyTimeoutMs);
      const { makeClock } = await import('./make-clock.ts');
      return makeClock(request.input, host, (ended, planned) =>
        reply({ kind: 'progress', progress: { phase: 'calibrate', ended, planned, virtualUs: 0 } }),
      );
    }
    case 'plan': {
      const { planRun } = await import('./plan.ts');
      return planRun(request.input, host);
    }
    case 'conformance': {
      const { checkPolicyFile } = await import('./check-policy-file.ts');
      return checkPolicyFile(request.input.file, request.input.cwd, host);
    }
  }
}

function reply(message: WorkerReply): void {
  process.send?.(message);
}
