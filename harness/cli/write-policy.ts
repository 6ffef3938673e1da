import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { policies } from '../../policies/index.ts';
import { InputError } from '../base/errors.ts';
import { explainDiskError } from '../run/disk.ts';

const templatesDir = fileURLToPath(new URL('../../policies/template/', import.meta.url));

/** What a new policy can start from: a folder of `policies/template` each. */
type Template = 'memory' | 'dispatcher' | 'autoscaler';

/** Placeholder for the policy's name in the template and in its file names. */
const placeholder = 'policy-name';

export interface WrittenPolicy {
  /** Path as commands take it: with a leading `./` if it is relative. */
  readonly policyFile: string;
  readonly testFile: string;
}

/**
 * Writes a template under the given name: both files or none, never over an existing one. Throws
 * `InputError` for an invalid or taken name.
 */
export async function writePolicy(name: string, template: Template, dir: string): Promise<WrittenPolicy> {
  requireFreeName(name);
  const filledIn = async (file: string): Promise<string> =>
    (await readFile(join(templatesDir, template, file), 'utf8')).replaceAll(placeholder, name);
  const policyFile = asPath(join(dir, `${name}.ts`));
  const testFile = asPath(join(dir, `${name}.test.ts`));
  try {
    await mkdir(dir, { recursive: true });
    await writeNew(policyFile, await filledIn(`${placeholder}.ts`));
    await writeNew(testFile, await filledIn(`${placeholder}.test.ts`)).catch(async (error: unknown) => {
      await rm(policyFile);
      throw error;
    });
  } catch (error) {
    throw explainDiskError(error, dir);
  }
  return { policyFile, testFile };
}

function requireFreeName(name: string): void {
  const fail = (message: string, hint: string) =>
    new InputError({ source: `name "${name}"`, path: '', message, hint });
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    throw fail('expected lower-case words with dashes between them', 'such as my-policy');
  }
  if (Object.hasOwn(policies, name))
    throw fail('there is a built-in policy of that name', `such as my-${name}`);
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    if (!exists) throw error;
    const hint = 'choose another name or --dir';
    throw new InputError({ source: file, path: '', message: 'the file exists and is left as it is', hint });
  }
}

function asPath(path: string): string {
  return isAbsolute(path) ? path : `./${normalize(path)}`;
}
