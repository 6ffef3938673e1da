import { afterAll, expect, it, vi } from 'vitest';
import { asInstanceId, asRequestId } from '../../harness/domain/ids.ts';
import { modelOps } from '../../harness/model/model-ops.ts';
import { all, back, Driver, expectSound, front, pipeline, whole } from './measured-driver.ts';
import { backend } from './support.ts';

/** Every op that ran, with the set of types of its inputs and outputs: `"Mul complex64"`. */
const ran = new Set<string>();
const execute = backend.executeMultipleOutputs.bind(backend);
const spy = vi
  .spyOn(backend, 'executeMultipleOutputs')
  .mockImplementation((op, attrs, inputs, numOutputs) => {
    const outputs = execute(op, attrs, inputs, numOutputs);
    ran.add(
      useOf(
        op,
        [...inputs, ...outputs].map(({ dtype }) => dtype),
      ),
    );
    return outputs;
  });
afterAll(() => spy.mockRestore());

/** Types of inputs that an op fixes, so that no attribute holds them. */
const fixedTypes: Readonly<Record<string, readonly string[]>> = { InplaceUpdate: ['int32'] };

function useOf(op: string, types: readonly string[]): string {
  return [op, ...[...new Set(types)].toSorted()].join(' ');
}

/** Everything that a measured run does to a device, checked token by token at the end. */
function doEverything(): void {
  const driver = new Driver();
  driver.start(0);
  driver.start(1);
  driver.admit(0, 40, 6);
  driver.admit(1, 9, 6);
  // Chunks beside decoding: several groups in one step.
  driver.run([0], whole(0), 1);
  driver.step([0, 1], whole(0), 4);
  driver.run([0, 1], whole(0), 4);
  // To host memory and back, to another instance, and on in a pipeline.
  const { executor } = driver;
  const device = { instanceId: asInstanceId(0), tier: 'device' } as const;
  const host = { instanceId: asInstanceId(0), tier: 'host' } as const;
  const numTokens = driver.computed.get(1)!;
  executor.copyKv(asRequestId(1), all, { from: device, to: host, numTokens });
  executor.releaseKv(asRequestId(1), all, device);
  executor.copyKv(asRequestId(1), all, { from: host, to: device, numTokens });
  for (const id of [0, 1]) driver.moveKv(id, back, { from: 0, to: 1 });
  executor.reshapeInstance(asInstanceId(0), front, 500);
  executor.reshapeInstance(asInstanceId(1), back, 500);
  driver.run([0, 1], pipeline);
  executor.reshapeInstance(asInstanceId(1), all, 400, [{ layers: front, from: asInstanceId(0) }]);
  expectSound(driver, [0, 1]);
}

/** Only a CPU runs products of vectors by another op. */
function isRunHere(op: string): boolean {
  return op !== 'BatchMatMulV3' || backend.device.kind === 'cpu';
}

it('the list of ops holds what the model runs, with its types, and nothing else', () => {
  doEverything();
  const listed = Object.entries(modelOps)
    .filter(([op]) => isRunHere(op))
    .flatMap(([op, uses]) =>
      uses.map((types) => useOf(op, [...Object.values(types), ...(fixedTypes[op] ?? [])])),
    );
  expect([...ran].toSorted()).toEqual([...new Set(listed)].toSorted());
});
