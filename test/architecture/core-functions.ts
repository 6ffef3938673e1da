import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A function, method or getter of the source, without its comments and strings. */
export interface SourceFunction {
  readonly file: string;
  readonly name: string;
  readonly isGetter: boolean;
  readonly isExported: boolean;
  /** From the name to the closing brace. */
  readonly text: string;
}

/** The functions, methods and getters of all files of the folders. Relies on the formatter: a body ends where its line began. */
export function readFunctions(folders: readonly string[]): SourceFunction[] {
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => functionsIn(join(folder, name))),
  );
}

function functionsIn(file: string): SourceFunction[] {
  const text = withoutWords(readFileSync(file, 'utf8'));
  return functionsOf(file, text);
}

/** The functions of a text without comments and strings. */
export function functionsOf(file: string, text: string): SourceFunction[] {
  const plain = [...text.matchAll(/^(export )?(?:async )?function (\w+)([\s\S]*?)^\}/gm)].map(
    ([, exported, name, rest]) => ({
      file,
      name: name!,
      isGetter: false,
      isExported: exported !== undefined,
      text: rest!,
    }),
  );
  const classes = [...text.matchAll(/^(?:export )?(?:abstract )?class \w+[\s\S]*?^\}/gm)].map(
    ([body]) => body,
  );
  const method =
    /^ {2}(?:override )?(?:static )?(?:override )?(get )?(#?\w+)(\([^;]*?\{\n[\s\S]*?)^ {2}\}$/gm;
  const methods = classes.flatMap((body) =>
    [...body.matchAll(method)].map(([, get, name, rest]) => ({
      file,
      name: name!,
      isGetter: get !== undefined,
      isExported: !name!.startsWith('#'),
      text: rest!,
    })),
  );
  return [...plain, ...methods].filter(({ name }) => name !== 'constructor');
}

function withoutWords(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/\/\/.*$/gm, '')
    .replaceAll(/'[^'\n]*'/g, "''");
}

/** Whether its name says that it answers a question: it must change nothing. */
export function asks({ name, isGetter }: SourceFunction): boolean {
  return isGetter || questions.test(name);
}

const questions =
  /^#?(?:(?:is|has|can|could|will|would|may|needs|fits|holds|accepts|matches|includes|keeps)(?:[A-Z]|$)|(?:num|blocks|missing)[A-Z]|(?:countOf|hostBytes)$|\w+Problem$)/;

/**
 * Functions that change what they are given or what they can reach, by name, with the reason: they write a field, change a list,
 * map or set that they have not made themselves, ask the policies, plan an event, or call a function that does.
 */
export function findActing(functions: readonly SourceFunction[]): ReadonlyMap<SourceFunction, string> {
  const acting = new Map<SourceFunction, string>();
  for (const each of functions) {
    const reason = ownAct(each.text);
    if (reason !== undefined) acting.set(each, reason);
  }
  for (let before = -1; before < acting.size; ) {
    before = acting.size;
    const names = new Set([...acting.keys()].filter(({ isGetter }) => !isGetter).map(({ name }) => name));
    for (const each of functions) {
      const called = acting.has(each) ? undefined : callsIn(each.text).find((name) => names.has(name));
      if (called !== undefined) acting.set(each, `calls ${called}`);
    }
  }
  return acting;
}

/** A field is written, also by `++` and the like, or deleted. */
const write =
  /(?:\.#?\w+|[^[]\])\s*(?:=(?![=>])|[-+*/]=|\?\?=|\|\|=|&&=|\+\+|--)|(?:\+\+|--)[\w.#]+\.|\bdelete [\w.#]+/;
const change = /([\w.#\])]+)\.(?:push|splice|pop|shift|unshift|sort|reverse|fill|add|set|delete|clear)\(/g;
/** What a policy is asked may change what it keeps for itself; an executor runs. */
const askOthers =
  /\bstack\.(?!can\b|answers\b|members\b)\w+\(|\bexecutor\.(?!audit\b)\w+\(|\bobserver\.\w+\(|#hooks\./;

function ownAct(text: string): string | undefined {
  const written = write.exec(text) ?? askOthers.exec(text);
  if (written !== null) return written[0];
  const own = new Set(
    [...text.matchAll(/\bconst (\w+)[^=\n]* = (?:\[|\{|new (?:Map|Set)\b)/g)].map(([, name]) => name),
  );
  return [...text.matchAll(change)].find(([, target]) => !own.has(target))?.[0];
}

function callsIn(text: string): string[] {
  return [...text.matchAll(/(#?\w+)\(/g)].map(([, name]) => name!);
}
