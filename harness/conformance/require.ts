/** Throws an error that says what is wrong with a policy, unless the condition holds. */
export function require(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new Error(problem);
}
