import { relative } from 'node:path';

/** Formats the command as it can be pasted into a shell, for the manifest and for hints. */
export function commandLine(argv: readonly string[]): string {
  return ['bench', ...argv].map(quoted).join(' ');
}

/** Returns the command that continues a run in `dir`. */
export function resumeCommandLine(argv: readonly string[], dir: string): string {
  const kept = argv.filter((argument, index) => {
    const isFolder = /^--(output-dir|outputDir)(=|$)/.test(argument);
    const isFolderValue = /^--(output-dir|outputDir)$/.test(argv[index - 1] ?? '');
    return !isFolder && !isFolderValue && argument !== '--overwrite' && argument !== '--resume';
  });
  return commandLine([...kept, '--output-dir', relative(process.cwd(), dir), '--resume']);
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
