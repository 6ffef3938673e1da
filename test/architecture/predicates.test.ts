import { describe, expect, it } from 'vitest';
import { asks, findActing, functionsOf, readFunctions } from './core-functions.ts';

/** The windows on reported load keep what has been asked of them, so that a group whose load nobody wants reports nothing. */
const asksOnRecord = 'harness/core/state/load/';

const functions = readFunctions(['harness/core', 'harness/base', 'harness/domain']).filter(
  ({ file }) => !file.startsWith(asksOnRecord),
);

describe('what the core asks by its name', () => {
  it('changes nothing, not even by what it calls', () => {
    const faults = [...findActing(functions)]
      .filter(([each]) => asks(each))
      .map(([{ file, name }, reason]) => `${file}: ${name} (${reason})`);
    expect(faults).toEqual([]);
  });

  it('is read: questions and acts of the core are told apart', () => {
    const questions = functions.filter(asks).map(({ name }) => name);
    expect(questions.length).toBeGreaterThan(80);
    for (const name of ['isTooLarge', 'canGoOn', 'hasRoomForWeights', '#couldStart', 'freeBlocks'])
      expect(questions).toContain(name);
    const acting = [...findActing(functions).keys()].map(({ name }) => name);
    for (const name of ['growOrFail', 'reserveBlocks', 'makeRoom', 'startMoving', 'cancel', '#enter', 'wake'])
      expect(acting).toContain(name);
  });

  it.each([
    [
      'a field of what it is given',
      'function isFull(group: Group): boolean {\n  group.asked += 1;\n  return true;\n}\n',
    ],
    [
      'a list that is not its own',
      'function isFull({ log }: Group): boolean {\n  log.push(1);\n  return true;\n}\n',
    ],
    [
      'its own state',
      'class Group {\n  get isFull(): boolean {\n    this.#asked = true;\n    return true;\n  }\n}\n',
    ],
    [
      'something by what it calls, further down',
      'function isFull(group: Group): boolean {\n  return room(group) > 0;\n}\n' +
        'function room(group: Group): number {\n  take(group);\n  return 1;\n}\n' +
        'function take(group: Group): void {\n  group.taken += 1;\n}\n',
    ],
    [
      'what policies keep',
      'function hasRoom({ stack }: Cluster): boolean {\n  return stack.onMemoryPressure() !== undefined;\n}\n',
    ],
  ])('is found out when it changes %s', (_what, text) => {
    const acting = findActing(functionsOf('toy.ts', text));
    expect([...acting.keys()].some(asks)).toBe(true);
  });

  it('may fill a list that it has made', () => {
    const text =
      'function isEven(): boolean {\n  const seen: number[] = [];\n  seen.push(1);\n  return true;\n}\n';
    expect(findActing(functionsOf('toy.ts', text)).size).toBe(0);
  });
});
