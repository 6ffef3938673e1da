import { describe, expect, it } from 'vitest';
import { asInstanceId, asRequestId, type InstanceId } from '../../harness/domain/ids.ts';
import type { KvPlacement } from '../../harness/core/executor.ts';
import * as fc from '../fast-check.ts';
import { all, blockSizeTokens, Driver, expectSound, pipeline, whole } from './measured-driver.ts';
import { backend } from './support.ts';

/** KV of layer `i` on instance `owners[i]`. */
function placement(...owners: readonly number[]): KvPlacement {
  return owners.map((owner, layer) => ({
    instanceId: asInstanceId(owner),
    layers: { first: layer, count: 1 },
  }));
}

function start(placements: readonly (KvPlacement | undefined)[]): Driver {
  const driver = new Driver();
  for (const instance of [0, 1, 2]) driver.start(instance);
  for (const [id, placed] of placements.entries()) {
    driver.admit(id, 9 + 7 * id, 5 + id);
    if (placed !== undefined) driver.placements.set(id, placed);
  }
  return driver;
}

/** Cells that each instance should hold: where a layer is computed, or where its placement says. */
function expectedCells(driver: Driver, ids: readonly number[]): number[] {
  const cells = [0, 0, 0];
  for (const id of ids) {
    const numBlocks = Math.ceil(driver.computed.get(id)! / blockSizeTokens);
    for (let layer = 0; layer < all.count; layer += 1) {
      cells[driver.placements.get(id)?.[layer]?.instanceId ?? (layer < 2 ? 0 : 1)]! += numBlocks;
    }
  }
  return cells;
}

describe('remote attention', () => {
  it('gives the tokens and logits of one instance, chunked prefill and decode and owners mixed in one batch', () => {
    const remote = start([undefined, placement(0, 2, 1, 2), placement(2, 0, 2, 0)]);
    const local = start([undefined, undefined, undefined]);
    for (const driver of [remote, local]) {
      driver.step([0], whole(0));
      driver.step([0, 1], whole(0), 6);
      driver.step([0, 1, 2], whole(0), 10);
      driver.run([0, 1, 2], whole(0));
    }
    for (const id of [0, 1, 2]) {
      const [actual, expected] = [remote, local].map(({ executor }) => executor.transcript(asRequestId(id)));
      expect(actual!.tokens).toEqual(expected!.tokens);
      for (const [index, logit] of expected!.logits.entries()) {
        expect(actual!.logits[index]).toBeCloseTo(logit, 4);
      }
      expect(actual!.owners).toEqual(expected!.owners);
    }
    for (const driver of [remote, local]) expectSound(driver, [0, 1, 2]);
  });

  it('keeps KV where it is placed and the tokens right, whatever the owners, chunks and stages', () => {
    const owner = fc.constantFrom(0, 1, 2);
    const placed = fc.option(fc.tuple(owner, owner, owner, owner), { nil: undefined });
    const placements = fc.array(placed, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(placements, fc.integer({ min: 1, max: 20 }), (owners, chunk) => {
        const before = backend.numTensors();
        const driver = start(owners.map((each) => (each === undefined ? undefined : placement(...each))));
        const ids = [...owners.keys()];
        while (ids.some((id) => !driver.isComplete(id))) {
          driver.step(
            ids.filter((id) => !driver.isComplete(id)),
            pipeline,
            chunk,
          );
          const used = [0, 1, 2].map((instance) => driver.executor.audit(asInstanceId(instance)).usedCells);
          expect(used).toEqual(expectedCells(driver, ids));
        }
        expectSound(driver, ids);
        expect(backend.numTensors()).toBe(before);
      }),
      { numRuns: 12 },
    );
  });

  it('goes on with KV that was computed locally and has moved away', () => {
    const driver = start([undefined, undefined]);
    driver.run([0, 1], whole(0), 3);
    driver.moveKv(0, { first: 1, count: 2 }, { from: 0, to: 2 });
    driver.placements.set(0, placement(0, 2, 2, 0));
    driver.run([0, 1], whole(0));
    expectSound(driver, [0, 1]);
  });

  it('reads the KV of the remote owner: a corrupted cell there fails the token check', () => {
    const driver = start([placement(0, 0, 0, 2), undefined]);
    driver.run([0, 1], whole(0), 2);
    const { kv } = driver.executor.instance(asInstanceId(2)).model;
    const cells = [kv.table(0, 3)[1]!];
    kv.writeCells(cells, kv.readCells(cells).fill(0));
    driver.run([0, 1], whole(0));
    const check = driver.finish([0, 1]);
    expect(check.failures[0]).toMatchObject({ requestId: 0, tokenIndex: 2 });
    expect(check.failures.every(({ requestId }) => requestId === 0)).toBe(true);
  });

  it('is timed apart from the stage, for each owner by itself', () => {
    const driver = new Driver();
    for (const instance of [0, 1, 2]) driver.start(instance);
    driver.admit(0, 300, 40);
    driver.placements.set(0, placement(1, 1, 2, 0));
    const attentionUs = (ownerId: InstanceId): number => {
      const stage = { instanceId: asInstanceId(0), layers: all, stageIndex: 0, isFirst: true, isLast: true };
      const remote = {
        ownerId,
        numLayers: 1,
        tokenLayers: 1,
        pairLayers: 1,
        contextLayers: 1,
        decodeContextLayers: 0,
      };
      return driver.executor.attentionUs(driver.form([], 0), stage, remote);
    };
    const [stageUs = 0] = driver.step([0], whole(0));
    const prompt = { one: attentionUs(asInstanceId(1)), other: attentionUs(asInstanceId(2)) };
    expect(Number.isInteger(prompt.one) && Number.isInteger(stageUs)).toBe(true);
    const tokens = { one: 0, other: 0 };
    for (let step = 0; step < 9; step += 1) {
      driver.step([0], whole(0));
      tokens.one += attentionUs(asInstanceId(1)) / 9;
      tokens.other += attentionUs(asInstanceId(2)) / 9;
    }
    // 300 queries over 300 tokens take longer than one, and two layers of it than one.
    expect(prompt.one).toBeGreaterThan(tokens.one);
    expect(prompt.other).toBeGreaterThan(tokens.other);
    expect(prompt.one).toBeGreaterThan(prompt.other);
    // Where nothing is elsewhere there is nothing to ask.
    driver.placements.delete(0);
    driver.admit(1, 5, 3);
    driver.step([1], whole(0));
    expect(() => attentionUs(asInstanceId(1))).toThrow('the clock of the stage that has just run');
    driver.executor.close();
  });

  it('refuses a placement that leaves a layer out', () => {
    const driver = start([placement(0, 2, 1)]);
    expect(() => driver.step([0], whole(0))).toThrow('KV of request 0, layer 3');
    driver.executor.close();
  });
});
