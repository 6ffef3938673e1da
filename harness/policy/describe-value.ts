/** A value that a policy gave, for a message: whatever it is, this does not throw. */
export function describeValue(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  try {
    if (isThenable(value)) return 'a Promise (moments are synchronous)';
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return `${typeof value} that cannot be shown`;
  }
}

/** Tells whether the value is a promise, or something that passes for one: what an `async` function returns. */
export function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
