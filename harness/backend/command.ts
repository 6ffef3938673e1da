import { spawn } from 'node:child_process';

export type CommandResult =
  | {
      readonly kind: 'exited';
      /** -1 if a signal ended the program. */
      readonly exitCode: number;
      readonly signal: NodeJS.Signals | null;
      readonly stdout: string;
      readonly stderr: string;
    }
  /** The program does not exist on this machine or cannot be executed. */
  | { readonly kind: 'missing' };

export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv;
}

/** Number of characters kept of a program's output, from its end, where causes are printed. */
const maxOutputChars = 1_000_000;

/** Runs a program until it ends, with empty standard input. */
export function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: options.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-maxOutputChars);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-maxOutputChars);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'EACCES') resolve({ kind: 'missing' });
      else reject(error);
    });
    child.on('close', (exitCode, signal) => {
      resolve({ kind: 'exited', exitCode: exitCode ?? -1, signal, stdout, stderr });
    });
  });
}

/** Returns the last lines of a program's output, to show as the cause. */
export function lastLines(text: string, numLines = 3): string {
  return text.trim().split('\n').slice(-numLines).join('\n');
}
