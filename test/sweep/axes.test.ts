import { describe, expect, it } from 'vitest';
import { parseAxis } from '../../harness/sweep/axis.ts';
import { labelsOf, pointsOf } from '../../harness/sweep/points.ts';

describe('an axis', () => {
  it.each([
    ['a.b=1,2,4', 'a.b', [1, 2, 4]],
    ['a.b=0.5..0.9:5', 'a.b', [0.5, 0.6, 0.7, 0.8, 0.9]],
    ['a.b=1..100:log3', 'a.b', [1, 10, 100]],
    ['a.b=4..-2:3', 'a.b', [4, 1, -2]],
    ['a.b=true,false', 'a.b', [true, false]],
    ['a.b=one,"two, three"', 'a.b', ['one', 'two, three']],
    ['a.b={ kind: x, y: 1 },{ kind: z }', 'a.b', [{ kind: 'x', y: 1 }, { kind: 'z' }]],
    ['a.b=7', 'a.b', [7]],
    ['a=1e-3..1e3:log4', 'a', [0.001, 0.1, 10, 1000]],
  ])('%s', (text, path, values) => {
    expect(parseAxis(text)).toEqual({ path, values });
  });

  it.each([
    ['a.b', /expected a path and its values/],
    ['=1,2', /expected a path and its values/],
    ['a.b=', /no values/],
    ['a.b=1,2,1', /the value 1 is given twice/],
    ['a.b=1..2:1', /2 to 1000 values/],
    ['a.b=1..2:100000', /2 to 1000 values/],
    ['a.b=0..2:log3', /above 0/],
    ['a.b=-1..2:log3', /above 0/],
    ['a.b=1..e:3', /the ends of a range are numbers/],
    ['a.b=[1,2', /not valid YAML/],
    [
      `a.b=${Array.from({ length: 1001 }, (_, index) => index).join()}`,
      /there are 1001 values, at most 1000/,
    ],
  ])('is refused: %s', (text, message) => {
    expect(parseAxis(text)).toMatchObject({
      source: `--over ${text}`,
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('the points', () => {
  it('are all combinations, the last axis fastest, each a setting and a folder', () => {
    const points = pointsOf([
      { path: 'policies.hpa.hpa.params.syncS', values: [0.1, 2] },
      { path: 'engine.maxRunning', values: [8, 16] },
    ]);
    expect(points.map(({ name }) => name)).toEqual([
      'syncS=0.1,maxRunning=8',
      'syncS=0.1,maxRunning=16',
      'syncS=2,maxRunning=8',
      'syncS=2,maxRunning=16',
    ]);
    expect(points[1]).toMatchObject({
      values: [0.1, 16],
      overrides: ['policies.hpa.hpa.params.syncS=0.1', 'engine.maxRunning=16'],
    });
  });

  it('have names that are folders, whatever the values are, and that differ', () => {
    const values = [
      '../../x',
      'a/b',
      'a_b',
      '',
      { kind: 'x' },
      'y'.repeat(300),
      `${'y'.repeat(300)}z`,
      '..',
      null,
    ];
    const names = pointsOf([{ path: 'a', values }]).map(({ name }) => name);
    expect(new Set(names).size).toBe(values.length);
    for (const name of names) expect(name).toMatch(/^a=[\w.=,+-]{0,80}$/);
  });

  it('are at most a thousand', () => {
    const values = Array.from({ length: 40 }, (_, index) => index);
    const axes = ['a', 'b'].map((path) => ({ path, values }));
    expect(() => pointsOf(axes)).toThrow('the axes have 1600 combinations, at most 1000');
  });
});

it('paths are told by their shortest ends that differ', () => {
  expect(labelsOf(['a.b.syncS', 'c.d.maxRunning'])).toEqual(['syncS', 'maxRunning']);
  expect(labelsOf(['policies.x.hpa.params.syncS', 'policies.y.hpa.params.syncS'])).toEqual([
    'x.hpa.params.syncS',
    'y.hpa.params.syncS',
  ]);
  expect(labelsOf(['rate', 'base.rate'])).toEqual(['rate', 'base.rate']);
});
