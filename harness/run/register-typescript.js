// Plain JavaScript: it runs before TypeScript can be read. Both launchers (the command and the worker) start here.
import { register as registerHooks } from 'node:module';
import { register as registerTsx } from 'tsx/esm/api';

/**
 * From here on this process imports TypeScript files, ours and plug-ins, without a build step. A plug-in anywhere on
 * the disk finds `servebench/policy` (and `zod`, where it has none of its own) in this installation.
 */
export function registerTypescript() {
  registerTsx();
  registerHooks('./resolve-hooks.js', import.meta.url);
}
