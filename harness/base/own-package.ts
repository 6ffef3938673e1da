import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of this installation, with a separator at its end. */
export const ownFolder = fileURLToPath(new URL('../../', import.meta.url));

/** What the package says of itself. */
interface OwnPackage {
  readonly version: string;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

/** Reads the `package.json` of this installation. */
export function ownPackage(): OwnPackage {
  return JSON.parse(readFileSync(`${ownFolder}package.json`, 'utf8')) as OwnPackage;
}
