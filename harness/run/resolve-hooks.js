// A module hook, plain JavaScript: it is there before any TypeScript. Node 22 runs it in the main thread, where what it
// is given and gives back are plain values; Node 20 on a thread of its own, where they are promises.

/** Where a plug-in's imports lead, and that a TypeScript plug-in is a module whatever package.json lies around it. */
export function resolve(specifier, context, nextResolve) {
  const isOurs = specifier === 'zod' || specifier.startsWith('servebench/');
  // Seen from this file, the package's own name leads to its `exports`.
  const resolved = nextResolve(specifier, isOurs ? { ...context, parentURL: import.meta.url } : context);
  return resolved instanceof Promise ? resolved.then(asModule) : asModule(resolved);
}

function asModule(resolved) {
  const isCommonJs = resolved.format?.startsWith('commonjs') === true;
  return isCommonJs && /\.ts(\?|$)/.test(resolved.url) ? { ...resolved, format: 'module' } : resolved;
}
