import { describe, expect, it } from 'vitest';
import { kvCellBytes, modelWeightBytes } from '../../../harness/domain/model-shape.ts';
import { missedGoals } from './errors.ts';
import { compareHeldOut, numFitted } from './held-out.ts';
import { type MeasuredRow, measuredRuns, readHardware, readModel, readRun } from './measured-runs.ts';
import { stepWindows } from './step-windows.ts';

describe.each(measuredRuns)('$file', (run) => {
  it('is predicted within the goals on the requests that nothing was fitted to', () => {
    expect(missedGoals(compareHeldOut(run))).toEqual([]);
  });

  it('ran on a device of which the file leaves the model that many KV blocks at least', () => {
    const model = readModel(run.model);
    const { memoryBytes, reserveBytes } = readHardware(run.hardware);
    const kvBytes = memoryBytes - reserveBytes - modelWeightBytes(model);
    const blocks = Math.floor(kvBytes / (model.numLayers * kvCellBytes(model, 16)));
    if (run.hardware === 'rtx-4090') expect(blocks).toBe(run.blocks);
    else expect(blocks).toBeGreaterThan(run.blocks);
  });

  it('lets a fit see nothing of what later requests took', () => {
    const rows = readRun(run);
    const end = numFitted(run);
    const secret = rows.map((each, index) =>
      index < end ? each : { ...each, scheduled_s: 0, first_token_s: 1, last_token_s: 2 },
    );
    expect(stepWindows(secret, end)).toEqual(stepWindows(rows, end));
    expect(stepWindows(rows, end).length).toBeGreaterThan(40);
  });
});

function row(prompt: number, output: number, [queued, scheduled, first, last]: number[]): MeasuredRow {
  return {
    prompt_tokens: prompt,
    output_tokens: output,
    queued_s: queued!,
    scheduled_s: scheduled!,
    first_token_s: first!,
    last_token_s: last!,
  };
}

// Alone from 0 to 10 s: 100 tokens of prompt, then one token every 0.1 s.
const old = row(100, 100, [0, 0, 0.1, 10]);

function context(atS: number): number {
  return 101 + (99 * (atS - 0.1)) / 9.9;
}

describe('a window between the stamps of an admission', () => {
  it('spans the step that runs when a request is scheduled, and its own', () => {
    const windows = stepWindows([old, row(300, 50, [4.99, 5, 5.3, 9])], 2);
    expect(windows.at(-1)).toEqual({
      seconds: expect.closeTo(0.3, 9) as number,
      steps: [
        {
          size: 1,
          totalTokens: 1,
          attentionPairs: context(5),
          contextTokens: context(5),
          decodeContextTokens: context(5),
        },
        {
          size: 2,
          totalTokens: 301,
          attentionPairs: (300 * 301) / 2 + context(5.3),
          contextTokens: 300 + context(5.3),
          decodeContextTokens: context(5.3),
        },
      ],
    });
  });

  it('is that of one step where the first brought tokens as well', () => {
    const windows = stepWindows([old, row(300, 50, [4.9, 4.9, 5.2, 9]), row(200, 50, [4.95, 5, 5.3, 9])], 3);
    expect(windows.at(-1)).toMatchObject({
      seconds: expect.closeTo(0.1, 9) as number,
      steps: [{ size: 3, totalTokens: 202 }],
    });
  });

  it('is left out where a prompt was cut', () => {
    expect(
      stepWindows([old, row(300, 50, [4.99, 5, 5.3, 9]), row(2000, 50, [4.99, 5, 5.6, 9])], 3),
    ).toHaveLength(1);
  });
});
