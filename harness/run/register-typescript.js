// Plain JavaScript: it runs before TypeScript can be read. Both launchers (the command and the worker) start here.
import * as nodeModule from 'node:module';
import { register as registerTsx } from 'tsx/esm/api';
import { resolve } from './resolve-hooks.js';

/**
 * From here on this process imports TypeScript files, ours and plug-ins, without a build step. A plug-in anywhere on
 * the disk finds `servebench/policy`, `servebench/testing` and `zod` in this installation.
 */
export function registerTypescript() {
  // Without a tsconfig.json: one that lies in the working folder is about other files, and could lead our imports elsewhere.
  registerTsx({ tsconfig: false });
  // tsx takes hooks of the main thread where Node has them, and those come before all others.
  if (nodeModule.registerHooks === undefined) nodeModule.register('./resolve-hooks.js', import.meta.url);
  else nodeModule.registerHooks({ resolve });
}
