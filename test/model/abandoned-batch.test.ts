import { describe, expect, it } from 'vitest';
import { asInstanceId, asRequestId } from '../../harness/domain/ids.ts';
import { all, Driver, expectSound, pipeline, whole } from './measured-driver.ts';
import { backend } from './support.ts';

function start(): Driver {
  const driver = new Driver();
  driver.start(0);
  driver.start(1);
  driver.admit(0, 14, 8);
  driver.admit(1, 21, 8);
  driver.run([0], pipeline, 3);
  return driver;
}

/** Both instances go on alone, each with a request whose KV is computed anew. */
function finishAfterFault(driver: Driver): void {
  for (const id of [0, 1]) {
    for (const instance of [0, 1])
      driver.executor.releaseKv(asRequestId(id), all, { instanceId: asInstanceId(instance), tier: 'device' });
    driver.computed.set(id, 0);
  }
  driver.executor.stopInstance(asInstanceId(1));
  driver.executor.reshapeInstance(asInstanceId(0), all, 400, [{ layers: all, from: 'disk' }]);
  driver.run([0, 1], whole(0));
  expectSound(driver, [0, 1]);
}

describe('an abandoned micro-batch', () => {
  it.each([0, 1, 2])('leaves no trace after %i of its two stages, and its tokens come again', (numStages) => {
    const before = backend.numTensors();
    const driver = start();
    const held = backend.numTensors();
    const known = [0, 1].map((id) => driver.executor.transcript(asRequestId(id)).numTokens);
    const batch = driver.form([0, 1]);
    for (let stage = 0; stage < numStages; stage += 1) driver.runStage(batch, pipeline, stage);
    driver.abandon(batch);
    expect(backend.numTensors()).toBe(held);
    expect([0, 1].map((id) => driver.executor.transcript(asRequestId(id)).numTokens)).toEqual(known);
    finishAfterFault(driver);
    expect(backend.numTensors()).toBe(before);
  });

  it('takes back its own tokens only, and once', () => {
    const driver = start();
    const numTokens = () => [0, 1].map((id) => driver.executor.transcript(asRequestId(id)).numTokens);
    driver.step([0], pipeline);
    const chunk = driver.form([1], 5);
    const next = driver.form([0]);
    driver.runStage(chunk, pipeline, 0);
    driver.runStage(next, pipeline, 0);
    driver.runStage(chunk, pipeline, 1);
    driver.abandon(next);
    driver.abandon(chunk);
    expect(numTokens()).toEqual([14 + 4, 21]);
    const both = driver.form([0, 1]);
    driver.runStage(both, pipeline, 0);
    driver.runStage(both, pipeline, 1);
    expect(numTokens()).toEqual([14 + 5, 22]);
    driver.abandon(both);
    driver.abandon(both);
    expect(numTokens()).toEqual([14 + 4, 21]);
    driver.run([0, 1], pipeline);
    expectSound(driver, [0, 1]);
  });

  it('lets the survivor go on with the KV that it has', () => {
    const driver = start();
    const lost = driver.form([0, 1]);
    driver.runStage(lost, pipeline, 0);
    driver.runStage(lost, pipeline, 1);
    driver.abandon(lost);
    driver.run([0, 1], pipeline);
    for (const id of [0, 1]) expect(driver.executor.transcript(asRequestId(id)).owners).toHaveLength(8);
    expectSound(driver, [0, 1]);
  });
});
