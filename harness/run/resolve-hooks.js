// Module hooks, plain JavaScript: Node runs them on a thread of their own, before any TypeScript.

/** Where a plug-in's imports lead, and that a TypeScript plug-in is a module whatever package.json lies around it. */
export async function resolve(specifier, context, nextResolve) {
  const resolved = await find(specifier, context, nextResolve);
  const isTypeScript = /\.ts(\?|$)/.test(resolved.url);
  return isTypeScript && resolved.format === 'commonjs' ? { ...resolved, format: 'module' } : resolved;
}

async function find(specifier, context, nextResolve) {
  // Seen from this file, the package's own name leads to its `exports`.
  const fromHere = { ...context, parentURL: import.meta.url };
  if (specifier.startsWith('servebench/')) return nextResolve(specifier, fromHere);
  if (specifier !== 'zod') return nextResolve(specifier, context);
  try {
    return await nextResolve(specifier, context);
  } catch {
    return nextResolve(specifier, fromHere);
  }
}
