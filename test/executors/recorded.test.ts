import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { wallClockUs } from '../../harness/base/clock.ts';
import { asInstanceId, asRequestId } from '../../harness/domain/ids.ts';
import type { Collector } from '../../harness/conformance/collector.ts';
import { request, runTiny } from '../../harness/conformance/tiny-cluster.ts';
import type { Executor, MicroBatch, RemoteAttention, Stage } from '../../harness/core/executor.ts';
import { MemorylessExecutor } from '../../harness/executors/memoryless.ts';
import { closingLine, recordExecutor, ReplayExecutor } from '../../harness/executors/recorded.ts';
import { policies } from '../../policies/index.ts';
import { restless } from '../core/restless.ts';

const dir = mkdtempSync(join(tmpdir(), 'servebench-recorded-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const stage: Stage = {
  instanceId: asInstanceId(2),
  stageIndex: 0,
  layers: { first: 0, count: 4 },
  isFirst: true,
  isLast: true,
};

function batchOf(totalTokens: number): MicroBatch {
  return {
    id: 0,
    size: 1,
    requestIds: [asRequestId(0)],
    numTokens: [totalTokens],
    pastTokens: [0],
    samples: [1],
    totalTokens,
    attentionPairs: 0,
    contextTokens: totalTokens,
    decodeContextTokens: 0,
    numRemote: 0,
    placements: [],
    remote: [],
  };
}

class FixedExecutor extends MemorylessExecutor {
  override runStage(batch: MicroBatch): number {
    return 100 + batch.totalTokens;
  }

  override attentionUs(_batch: MicroBatch, _stage: Stage, remote: RemoteAttention): number {
    return 10 + remote.tokenLayers;
  }
}

/** Takes another time for every stage, as a machine does. */
class UnevenExecutor extends MemorylessExecutor {
  #numStages = 0;

  override runStage(batch: MicroBatch): number {
    this.#numStages += 1;
    return 200 + batch.totalTokens + ((this.#numStages * 37) % 101);
  }

  override attentionUs(): number {
    this.#numStages += 1;
    return 20 + ((this.#numStages * 37) % 101);
  }
}

/** Lines of a recording of batches of these sizes. */
function record(sizes: readonly number[]): string {
  let text = '';
  const { executor } = recordExecutor(new FixedExecutor(), {
    write: (line) => (text += line),
    close: () => {},
  });
  for (const size of sizes) executor.runStage(batchOf(size), stage);
  return text + closingLine(7);
}

function replayOf(name: string, text: string): ReplayExecutor {
  const file = join(dir, name);
  writeFileSync(file, text);
  return new ReplayExecutor(file);
}

/** A run in which instances come and go and requests move between them. */
function playRestless(executor: Executor): Collector {
  const specs = Array.from({ length: 30 }, (_, id) => request(id, id * 1500, 40, 30));
  const stack = [restless, policies['least-loaded'], policies.recompute];
  return runTiny({ specs, policies: stack, numInstances: 3, maxInstances: 6, executor }).seen;
}

describe('a recording', () => {
  it('is replayed to the same times and the same verified tokens', () => {
    const replay = replayOf('whole', record([5, 9]));
    expect([5, 9].map((size) => replay.runStage(batchOf(size), stage))).toEqual([105, 109]);
    expect(replay.finish()).toBe(7);
  });

  it('keeps what a stage took beside what it was charged, and replays the latter', () => {
    let text = '';
    let numBeats = 0;
    const { executor } = recordExecutor(
      new FixedExecutor(),
      { write: (line) => (text += line), close: () => {} },
      { charge: (us) => 3 * us, beforeStage: () => (numBeats += 1), afterStage: () => {} },
    );
    expect(executor.runStage(batchOf(5), stage)).toBe(315);
    expect(numBeats).toBe(1);
    expect(JSON.parse(text)).toEqual([2, 0, 1, 5, 5, 105, 315]);
    expect(replayOf('charged', text + closingLine(7)).runStage(batchOf(5), stage)).toBe(315);
  });

  it('is replayed in the same way when micro-batches are abandoned, which it does not mention', () => {
    const abandoned: number[] = [];
    const executor = new FixedExecutor();
    executor.abandonBatch = (...batches: readonly MicroBatch[]) => {
      abandoned.push(...batches.map(({ totalTokens }) => totalTokens));
    };
    let text = '';
    const recorded = recordExecutor(executor, { write: (line) => (text += line), close: () => {} });
    recorded.executor.runStage(batchOf(5), stage);
    recorded.executor.abandonBatch(batchOf(5));
    recorded.executor.runStage(batchOf(6), stage);
    expect(abandoned).toEqual([5]);
    expect(text).toBe(record([5, 6]).replace(closingLine(7), ''));
    const replay = replayOf('abandoned', text + closingLine(7));
    expect(replay.runStage(batchOf(5), stage)).toBe(105);
    replay.abandonBatch();
    expect(replay.runStage(batchOf(6), stage)).toBe(106);
    expect(replay.finish()).toBe(7);
  });

  it('is replayed to the same run where instances come and go and requests move between them', () => {
    let text = '';
    const recorded = recordExecutor(new UnevenExecutor(), {
      write: (line) => (text += line),
      close: () => {},
    });
    const first = playRestless(recorded.executor);
    const kinds = new Set(first.events.map(({ kind }) => kind));
    for (const kind of ['instanceReady', 'instanceStopped', 'groupsMerged'] as const) {
      expect(kinds).toContain(kind);
    }
    expect(first.migrations.length).toBeGreaterThan(5);
    expect(text).toContain('["attention",');
    const replay = replayOf('restless', text + closingLine(7));
    expect(playRestless(replay)).toEqual(first);
    expect(replay.finish()).toBe(7);
  });

  it('says what attention on other instances took', () => {
    const remote = {
      ownerId: asInstanceId(3),
      numLayers: 4,
      tokenLayers: 20,
      pairLayers: 60,
      contextLayers: 40,
      decodeContextLayers: 0,
    };
    const batch = { ...batchOf(5), numRemote: 1, remote: [remote] };
    let text = '';
    const { executor } = recordExecutor(new FixedExecutor(), {
      write: (line) => (text += line),
      close: () => {},
    });
    const play = (each: Executor) => [each.runStage(batch, stage), each.attentionUs(batch, stage, remote)];
    expect(play(executor)).toEqual([105, 30]);
    const replay = replayOf('attention', text + closingLine(7));
    expect(play(replay)).toEqual([105, 30]);
    expect(replay.finish()).toBe(7);
    const other = replayOf('other-owner', text + closingLine(7));
    other.runStage(batch, stage);
    expect(() => other.attentionUs(batch, stage, { ...remote, ownerId: asInstanceId(4) })).toThrow(
      /other-owner:2:.*expected \["attention",2,0,4,20,40\]/,
    );
    expect(() => other.runStage(batchOf(5), stage)).toThrow(/the recording has \["attention"/);
  });

  it('is refused at the first difference, with the line', () => {
    const replay = replayOf('other', record([5, 9]));
    replay.runStage(batchOf(5), stage);
    expect(() => replay.runStage(batchOf(8), stage)).toThrow(/other:2:.*expected \[2,0,1,8,8\]/);
  });

  it('is refused when the replay leaves stages over', () => {
    const replay = replayOf('longer', record([5, 9]));
    replay.runStage(batchOf(5), stage);
    expect(() => replay.finish()).toThrow(/1 stages more/);
  });

  it.each([
    ['cut in a line', record([5, 9]).slice(0, 10), /damaged/],
    ['without its end', record([5]).split('\n')[0] ?? '', /not complete/],
  ])('is refused when it is %s', (name, text, message) => {
    expect(() => replayOf(name, text)).toThrow(message);
  });

  it.each([
    ['a duration of 0', (line: string) => line.replace(/,\d+\]/, ',0]')],
    ['a negative duration', (line: string) => line.replace(/,\d+\]/, ',-5]')],
    ['half a microsecond', (line: string) => line.replace(/,\d+\]/, ',1.5]')],
    ['a duration that is text', (line: string) => line.replace(/,\d+\]/, ',"105"]')],
    ['a duration that is missing', (line: string) => line.replace(/,\d+\]/, ']')],
    ['a line that is no list', () => '7'],
    ['a line that is nothing', () => 'null'],
    ['a line that is an object', () => '{}'],
    ['its end in the middle', () => closingLine(7).trim()],
  ])('is refused with file and line when it has %s', (name, damage) => {
    const lines = record([5, 9, 11]).split('\n');
    lines[1] = damage(lines[1] ?? '');
    expect(() => replayOf(name, lines.join('\n'))).toThrow(
      new RegExp(`${name}:${name.startsWith('its end') ? 3 : 2}:.*the recording is damaged`),
    );
  });

  it('does not count its own writing as time of the executor', () => {
    const slow = {
      write: () => {
        const startUs = wallClockUs();
        while (wallClockUs() - startUs < 5000);
      },
      close: () => {},
    };
    const run = recordExecutor(new FixedExecutor(), slow);
    run.executor.runStage(batchOf(5), stage);
    expect(run.executorUs).toBeLessThan(3000);
  });
});
