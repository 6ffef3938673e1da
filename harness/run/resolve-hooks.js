// A module hook, plain JavaScript: it is there before any TypeScript. Node 22 runs it in the main thread, where what it
// is given and gives back are plain values; Node 20 on a thread of its own, where they are promises.
import { readFileSync } from 'node:fs';

/**
 * Where a plug-in's imports lead, and that a plug-in in TypeScript, or in JavaScript with `import` and `export`, is a module
 * whatever package.json lies around it, or if there is none.
 */
export function resolve(specifier, context, nextResolve) {
  const isOurs = specifier === 'zod' || specifier.startsWith('servebench/');
  // Seen from this file, the package's own name leads to its `exports`.
  const resolved = nextResolve(specifier, isOurs ? { ...context, parentURL: import.meta.url } : context);
  return resolved instanceof Promise ? resolved.then(asModule) : asModule(resolved);
}

function asModule(resolved) {
  const isCommonJs = resolved.format?.startsWith('commonjs') === true;
  return isCommonJs && isWrittenAsModule(resolved.url) ? { ...resolved, format: 'module' } : resolved;
}

function isWrittenAsModule(url) {
  const [file] = url.split('?');
  if (file.endsWith('.ts')) return true;
  if (!file.startsWith('file:') || !file.endsWith('.js') || file.includes('/node_modules/')) return false;
  try {
    return /^\s*(import\s*["'{*\w]|export\s*[{*\w])/m.test(readFileSync(new URL(file), 'utf8'));
  } catch {
    // Whoever loads it says that it cannot be read.
    return false;
  }
}
