import { describe, expect, it } from 'vitest';
import { asInstanceId, asRequestId } from '../../harness/domain/ids.ts';
import { all, blockSizeTokens, Driver, expectSound, whole } from './measured-driver.ts';
import { tinyShape } from './support.ts';

/** Instances 0, 1 and 2; request 0 runs on the first. */
function start(): Driver {
  const driver = new Driver();
  for (const instance of [0, 1, 2]) driver.start(instance);
  driver.admit(0, 22, 20);
  driver.run([0], whole(0), 5);
  return driver;
}

const source = { instanceId: asInstanceId(0), tier: 'device' } as const;
const target = { instanceId: asInstanceId(1), tier: 'device' } as const;

/** Copies what the target lacks: full blocks, or all of them in the last stage. Returns the tokens that are there then. */
function copyStage(driver: Driver, firstToken: number, isLast = false): number {
  const computed = driver.computed.get(0)!;
  const numTokens = isLast ? computed : computed - (computed % blockSizeTokens);
  driver.executor.copyKv(asRequestId(0), all, { from: source, to: target, firstToken, numTokens });
  return numTokens;
}

/** Every cell of the request, layer after layer. */
function contentOf(driver: Driver, instance: number): Float32Array[] {
  const { kv } = driver.executor.instance(asInstanceId(instance)).model;
  return Array.from({ length: tinyShape.numLayers }, (_, layer) => kv.readCells(kv.table(0, layer)));
}

function zeroBlock(driver: Driver, block: number): void {
  const { kv } = driver.executor.instance(asInstanceId(0)).model;
  for (let layer = 0; layer < tinyShape.numLayers; layer += 1) {
    kv.writeCells([kv.table(0, layer)[block]!], new Float32Array(kv.cellElements));
  }
}

function usedBlocks(driver: Driver, instance: number): number {
  return driver.executor.audit(asInstanceId(instance)).usedCells / tinyShape.numLayers;
}

describe('KV that is copied in stages', () => {
  it('is bit for bit what one copy of all of it gives, while its request runs on between the stages', () => {
    const driver = start();
    expect(driver.computed.get(0)).toBe(26);
    const first = copyStage(driver, 0);
    expect([first, usedBlocks(driver, 1)]).toEqual([24, 6]);
    driver.run([0], whole(0), 3);
    const second = copyStage(driver, first);
    expect([second, usedBlocks(driver, 1)]).toEqual([28, 7]);
    driver.run([0], whole(0), 2);
    expect([copyStage(driver, second, true), usedBlocks(driver, 1)]).toEqual([31, 8]);

    driver.executor.copyKv(asRequestId(0), all, {
      from: source,
      to: { instanceId: asInstanceId(2), tier: 'device' },
      numTokens: 31,
    });
    expect(contentOf(driver, 1)).toEqual(contentOf(driver, 2));
    expect(contentOf(driver, 1)).toEqual(contentOf(driver, 0));
    driver.executor.releaseKv(asRequestId(0), all, source);
    driver.run([0], whole(1));
    expectSound(driver, [0]);
  });

  it.each([
    ['does not read a full block again', 3, 0],
    ['reads the block that was not full again', 6, 1],
  ] as const)('%s after its stage', (_, block, minFailures) => {
    const driver = start();
    const first = copyStage(driver, 0);
    zeroBlock(driver, block);
    copyStage(driver, first, true);
    driver.executor.releaseKv(asRequestId(0), all, source);
    driver.run([0], whole(1));
    const { failures } = driver.finish([0]);
    expect(Math.min(failures.length, 1)).toBe(minFailures);
  });

  it('leaves the request running at its source when the copy is given up after any stage', () => {
    const driver = start();
    for (let stage = 0; stage < 3; stage += 1) {
      let there = 0;
      for (let copied = 0; copied <= stage; copied += 1) {
        there = copyStage(driver, there, copied === 2);
        driver.run([0], whole(0), 1);
      }
      driver.executor.releaseKv(asRequestId(0), all, target);
      expect(driver.executor.audit(asInstanceId(1)).usedCells).toBe(0);
      driver.run([0], whole(0), 1);
    }
    driver.run([0], whole(0));
    expectSound(driver, [0]);
  });

  it('may have nothing left for its last stage', () => {
    const driver = start();
    driver.run([0], whole(0), 2);
    expect(copyStage(driver, 0)).toBe(28);
    expect(copyStage(driver, 28, true)).toBe(28);
    expect(usedBlocks(driver, 1)).toBe(7);
    driver.executor.releaseKv(asRequestId(0), all, source);
    driver.run([0], whole(1));
    expectSound(driver, [0]);
  });

  it('may be none at all, of a request that has not run', () => {
    const driver = start();
    driver.admit(1, 9, 3);
    driver.executor.copyKv(asRequestId(1), all, { from: source, to: target, numTokens: 0 });
    expect(usedBlocks(driver, 1)).toBe(0);
    driver.run([1], whole(1));
    expectSound(driver, [1]);
  });

  it('is refused where it would leave a gap, begin inside a block, or go to host memory', () => {
    const driver = start();
    expect(() => copyStage(driver, 8)).toThrow('block table of request 0');
    driver.executor.copyKv(asRequestId(0), all, { from: source, to: target, numTokens: 8 });
    expect(() => copyStage(driver, 12)).toThrow('request 0, layer 0: from token 12, 2 blocks are there');
    expect(() => copyStage(driver, 6)).toThrow('from token 6');
    const host = { instanceId: asInstanceId(0), tier: 'host' } as const;
    const move = { from: source, to: host, firstToken: 8, numTokens: 12 };
    expect(() => driver.executor.copyKv(asRequestId(0), all, move)).toThrow('whole KV only');
    driver.executor.close();
  });
});
