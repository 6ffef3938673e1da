import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';

/** Exit codes: 0 ok, 1 a run failed, 2 bad input, 99 a threshold was crossed, 130 interrupted by a signal. */
export type ExitCode = 0 | 1 | 2 | 99 | 130;

/**
 * One command of `bench`. Its file holds only flags and texts and imports everything else inside `execute`,
 * so that `bench --help` starts at once.
 */
export interface Command<Flags> {
  /** Usage in the syntax of yargs, such as `report <dir>`; `$0` is the default command. */
  readonly usage: string | readonly string[];
  /** False hides the command from the help. */
  readonly summary: string | false;
  readonly examples: readonly Example[];
  flags(parser: Argv): Argv<Flags>;
  execute(flags: ArgumentsCamelCase<Flags>): Promise<ExitCode>;
}

/** The flags type of a command, derived from its flags function. */
export type FlagsOf<Build> = Build extends (parser: Argv) => Argv<infer Flags> ? Flags : never;

type Example = readonly [command: string, purpose: string];

export function toYargsModule<Flags>(
  command: Command<Flags>,
  onExit: (code: ExitCode) => void,
): CommandModule<object, Flags> {
  return {
    command: command.usage,
    describe: command.summary,
    builder: (parser) =>
      command.flags(
        command.examples.reduce((with_, [text, purpose]) => with_.example(text, purpose), parser),
      ),
    handler: async (flags) => onExit(await command.execute(flags)),
  };
}
