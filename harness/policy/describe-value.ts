/** A value that a policy gave, for a message: whatever it is, this does not throw. */
export function describeValue(value: unknown): string {
  if (value instanceof Promise) return 'a Promise (moments are synchronous)';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return `${typeof value} that cannot be shown`;
  }
}
