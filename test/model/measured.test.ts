import { describe, expect, it } from 'vitest';
import { asInstanceId, asRequestId } from '../../harness/domain/ids.ts';
import { modelWeightBytes } from '../../harness/domain/model-shape.ts';
import { describeFailure } from '../../harness/executors/verify.ts';
import { all, Driver, expectSound, whole } from './measured-driver.ts';
import { backend, requestSpec, tinyShape } from './support.ts';

function start(...requests: readonly (readonly [number, number])[]): Driver {
  const driver = new Driver();
  driver.start(0);
  for (const [id, [prompt, output]] of requests.entries()) driver.admit(id, prompt, output);
  return driver;
}

describe('token check on sound runs', () => {
  it('passes chunked prefill and decode in mixed batches', () => {
    const driver = start([21, 12], [6, 20], [33, 9]);
    driver.step([0], whole(0), 8);
    driver.step([0, 1], whole(0), 7);
    driver.step([0, 1, 2], whole(0), 16);
    driver.run([0, 1, 2], whole(0));
    expectSound(driver, [0, 1, 2]);
  });

  it('passes recompute: KV released, then prefill over prompt and output', () => {
    const driver = start([14, 20], [9, 20]);
    driver.run([0, 1], whole(0), 8);
    driver.executor.releaseKv(asRequestId(0), all, { instanceId: asInstanceId(0), tier: 'device' });
    driver.computed.set(0, 0);
    driver.step([1], whole(0));
    driver.step([0, 1], whole(0), 10);
    driver.run([0, 1], whole(0));
    expectSound(driver, [0, 1]);
  });

  it('passes swap out and in', () => {
    const driver = start([14, 20], [9, 30]);
    driver.run([0, 1], whole(0), 6);
    const device = { instanceId: asInstanceId(0), tier: 'device' } as const;
    const host = { instanceId: asInstanceId(0), tier: 'host' } as const;
    const numTokens = driver.computed.get(0)!;
    driver.executor.copyKv(asRequestId(0), all, { from: device, to: host, numTokens });
    driver.executor.releaseKv(asRequestId(0), all, device);
    driver.admit(2, 40, 3);
    driver.run([1, 2], whole(0), 5);
    driver.executor.copyKv(asRequestId(0), all, { from: host, to: device, numTokens });
    driver.executor.releaseKv(asRequestId(0), all, host);
    expect(driver.executor.instance(asInstanceId(0)).hostKv.bytes).toBe(0);
    driver.run([0, 1, 2], whole(0));
    expectSound(driver, [0, 1, 2]);
  });

  it('passes a move to another instance', () => {
    const driver = start([14, 20], [9, 20]);
    driver.start(1);
    driver.admit(2, 10, 4);
    driver.run([2], whole(1), 2);
    driver.run([0, 1], whole(0), 6);
    const from = { instanceId: asInstanceId(0), tier: 'device' } as const;
    const to = { instanceId: asInstanceId(1), tier: 'device' } as const;
    driver.executor.copyKv(asRequestId(0), all, { from, to, numTokens: driver.computed.get(0)! });
    driver.executor.releaseKv(asRequestId(0), all, from);
    driver.run([1], whole(0), 4);
    driver.run([0, 2], whole(1));
    driver.run([1], whole(0));
    expectSound(driver, [0, 1, 2]);
  });

  it('passes while the slab shrinks and grows under KV in use', () => {
    const driver = start([30, 12], [30, 30], [30, 12]);
    driver.run([0, 1, 2], whole(0), 3);
    driver.executor.releaseKv(asRequestId(0), all, { instanceId: asInstanceId(0), tier: 'device' });
    driver.computed.set(0, 0);
    driver.executor.reshapeInstance(
      asInstanceId(0),
      all,
      driver.executor.audit(asInstanceId(0)).usedCells + 8,
    );
    driver.run([1, 2], whole(0), 2);
    driver.executor.reshapeInstance(asInstanceId(0), all, 300);
    driver.run([0, 1, 2], whole(0));
    expectSound(driver, [0, 1, 2]);
  });
});

/** Two requests with some output, a fault, more output, the check. */
function checkAfter(fault: (driver: Driver) => void) {
  const driver = start([26, 12], [18, 12]);
  driver.run([0, 1], whole(0), 4);
  fault(driver);
  driver.run([0, 1], whole(0));
  return driver.finish([0, 1]);
}

function expectBlamed(check: ReturnType<typeof checkAfter>, tokenIndex: number): void {
  expect(check.failures[0]).toMatchObject({ requestId: 0, tokenIndex });
  expect(check.failures[0]!.owners).toEqual([{ instanceId: 0, layers: all }]);
  expect(check.failures.every(({ requestId }) => requestId === 0)).toBe(true);
  expect(describeFailure(check.failures[0]!)).toContain('request 0, output token');
}

describe('token check on faults', () => {
  it('finds one corrupted KV block', () => {
    const check = checkAfter(({ executor }) => {
      const { kv } = executor.instance(asInstanceId(0)).model;
      const cell = kv.table(0, 1)[2]!;
      const pages = kv.readCells([cell]);
      const values = pages.length / 2;
      kv.writeCells(
        [cell],
        pages.map((value, index) => (index < values ? value : -value)),
      );
    });
    expectBlamed(check, 4);
  });

  it('finds one wrong block table entry', () => {
    const check = checkAfter(({ executor }) => {
      const { kv } = executor.instance(asInstanceId(0)).model;
      const table = kv.table(0, 3) as number[];
      table[1] = kv.table(1, 3)[1]!;
    });
    expectBlamed(check, 4);
  });

  it('finds one skipped layer', () => {
    const driver = start([26, 12]);
    driver.run([0], whole(0), 4);
    driver.step(
      [0],
      [
        { instance: 0, layers: { first: 0, count: 1 } },
        { instance: 0, layers: { first: 2, count: 2 } },
      ],
    );
    const check = driver.finish([0]);
    expect(check.verifiedTokens).toBe(4);
    expect(check.failures).toMatchObject([{ requestId: 0, tokenIndex: 4 }]);
    expect(describeFailure(check.failures[0]!)).toContain('instance 0 (layers 2-3)');
  });

  it('finds one lost swap page', () => {
    const check = checkAfter(({ executor, computed }) => {
      const device = { instanceId: asInstanceId(0), tier: 'device' } as const;
      const host = { instanceId: asInstanceId(0), tier: 'host' } as const;
      const numTokens = computed.get(0)!;
      executor.copyKv(asRequestId(0), all, { from: device, to: host, numTokens });
      executor.releaseKv(asRequestId(0), all, device);
      const pages = executor.instance(asInstanceId(0)).hostKv.get(asRequestId(0), 2);
      const page = pages.length / Math.ceil(numTokens / 4);
      pages.fill(0, page, 2 * page);
      executor.copyKv(asRequestId(0), all, { from: host, to: device, numTokens });
      executor.releaseKv(asRequestId(0), all, host);
    });
    expectBlamed(check, 4);
  });

  it('finds a kept logit or token that the model never gave', () => {
    const driver = start([10, 5]);
    driver.run([0], whole(0));
    driver.executor.transcript(asRequestId(0)).logits[3]! += 0.1;
    const check = driver.finish([0]);
    expect(check.failures).toMatchObject([{ requestId: 0, tokenIndex: 3 }]);
    expect(check.verifiedTokens).toBe(4);
  });
});

describe('MeasuredExecutor', () => {
  it('counts weights and cells from what it holds, and frees all of it', () => {
    const before = backend.numTensors();
    const driver = start([10, 2]);
    const { executor } = driver;
    expect(executor.audit(asInstanceId(0))).toEqual({
      weightBytes: modelWeightBytes(tinyShape),
      usedCells: 0,
      totalCells: 400,
    });
    expect(driver.step([0], whole(0))[0]).toBeGreaterThanOrEqual(1);
    expect(executor.audit(asInstanceId(0)).usedCells).toBe(3 * tinyShape.numLayers);
    executor.endRequest(asRequestId(0), 0);
    expect(executor.audit(asInstanceId(0)).usedCells).toBe(0);
    expect(executor.ended()).toEqual([]);
    executor.close();
    expect(backend.numTensors()).toBe(before);
  });

  it('gives follow-up turns the earlier text and branches one prompt', () => {
    const driver = start([10, 6]);
    const { executor } = driver;
    driver.run([0], whole(0));
    executor.endRequest(asRequestId(0), 6);
    executor.addRequest({ ...requestSpec(1, 25, 4), continues: asRequestId(0) });
    executor.addRequest({ ...requestSpec(2, 25, 4), promptKey: 9 });
    executor.addRequest({ ...requestSpec(3, 25, 4), promptKey: 9 });
    executor.addRequest(requestSpec(4, 25, 4));
    const prompt = (id: number) => [...executor.transcript(asRequestId(id)).tokens.subarray(0, 25)];
    expect(prompt(1).slice(0, 16)).toEqual([...executor.transcript(asRequestId(0)).tokens]);
    expect(prompt(2)).toEqual(prompt(3));
    expect(prompt(2)).not.toEqual(prompt(4));
    expect(new Set(prompt(1).slice(16)).size).toBeGreaterThan(4);
    executor.close();
  });

  it('says which request found no free cell', () => {
    const driver = new Driver();
    driver.executor.startInstance(asInstanceId(0), all, 8);
    driver.admit(7, 9, 2);
    expect(() => driver.step([7], whole(0))).toThrow('request 7');
    driver.executor.close();
  });

  it('generates text that does not fall into one token', () => {
    const driver = start([20, 60], [20, 60]);
    driver.run([0, 1], whole(0));
    for (const id of [0, 1]) {
      const { tokens } = driver.executor.transcript(asRequestId(id));
      expect(new Set(tokens.subarray(20)).size).toBeGreaterThan(10);
    }
    driver.executor.close();
  });
});
