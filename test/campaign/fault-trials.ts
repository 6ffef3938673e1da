import { cpSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rng } from '../../harness/base/rng.ts';
import { repeatableBytes } from '../e2e/bench.ts';
import { childrenOf, type Ended, killAtOnce, run, start } from './bench-process.ts';
import { damageFile } from './damage-file.ts';

/** What a trial works with. */
export interface Scene {
  readonly rng: Rng;
  /** A path at which nothing is. */
  readonly out: string;
  /** The results folder of an undisturbed run of the same configuration, how long it took, and its bytes that must repeat. */
  readonly reference: string;
  readonly referenceMs: number;
  readonly expected: Readonly<Record<string, string>>;
  readonly config: string;
}

/** Returns what is wrong, or `undefined`. */
type Trial = (scene: Scene) => Promise<string | undefined>;

/** The kinds of faults, each of which ends with `--resume` and must then have the bytes of an undisturbed run. */
export const trials: Readonly<Record<string, Trial>> = {
  'parent killed': async (scene) => {
    const numKills = 1 + scene.rng.integer(3);
    for (let kill = 0; kill < numKills; kill += 1) {
      const kept = finishedAt(scene.out);
      const running = start(argsOf(scene, existsSync(scene.out) ? ['--resume'] : []));
      await sleep(scene.rng.uniform() * scene.referenceMs);
      killAtOnce(running.child.pid);
      const { how, stderr } = await running.ended;
      // An early kill leaves no folder, or an empty one: then there is nothing to resume.
      if (how !== 'SIGKILL' && how !== 0 && !isBegun(scene.out)) continue;
      if (how !== 'SIGKILL' && how !== 0) return `after ${kill} kills: ${describe({ how, stderr })}`;
      for (const [id, mtimeMs] of kept)
        if (finishedAt(scene.out).get(id) !== mtimeMs) return `${id} was finished, and has run again`;
    }
    return resumed(scene);
  },
  'worker killed': async (scene) => {
    const running = start(argsOf(scene));
    await sleep(scene.rng.uniform() * scene.referenceMs);
    const workers = childrenOf(running.child);
    const killed = killAtOnce(workers[scene.rng.integer(Math.max(1, workers.length))]);
    const ended = await running.ended;
    // The plan is made in a worker as well, and there is no run without it.
    if (ended.how !== 0 && !(killed && ended.how === 1)) return describe(ended);
    return isBegun(scene.out) ? resumed(scene) : undefined;
  },
  'files damaged': async (scene) => {
    const { rng, out } = scene;
    cpSync(scene.reference, out, { recursive: true });
    const ids = readdirSync(join(out, 'cells'));
    const done: string[] = [];
    const damagedIds = new Set<string>();
    for (let number = 1 + rng.integer(3); number > 0; number -= 1) {
      const id = ids[rng.integer(ids.length)] ?? '';
      const files = readdirSync(join(out, 'cells', id));
      const file = files[rng.integer(files.length)] ?? '';
      const what = damageFile(join(out, 'cells', id, file), rng);
      if (what === undefined) continue;
      done.push(`${id}/${file}: ${what}`);
      damagedIds.add(id);
    }
    const report = await run(['report', out]);
    const unnamed = [...damagedIds].filter((id) => !report.stderr.includes(`${id}: is damaged`));
    if (unnamed.length > 0 || report.how !== (damagedIds.size > 0 ? 2 : 0))
      return `${done.join(', ')}: ${describe(report)}`;
    const wrong = await resumed(scene);
    return wrong && `${done.join(', ')}: ${wrong}`;
  },
  'two owners': async (scene) => {
    const { rng } = scene;
    if (rng.uniform() < 0.5) cpSync(scene.reference, scene.out, { recursive: true });
    const flags = [[], ['--resume'], ['--overwrite']];
    const starts = Array.from({ length: 2 + rng.integer(2) }, async () => {
      await sleep(rng.uniform() * scene.referenceMs * 0.5);
      return run(argsOf(scene, flags[rng.integer(3)]));
    });
    for (const ended of await Promise.all(starts)) {
      const isRefused =
        ended.how === 2 &&
        /in use by process|exists and is not empty|not a results folder/.test(ended.stderr);
      if (ended.how !== 0 && !isRefused) return describe(ended);
    }
    return isBegun(scene.out) ? resumed(scene) : undefined;
  },
  'files limited': async (scene) => {
    const ended = await run(argsOf(scene), Math.floor(2 ** (scene.rng.uniform() * 11)));
    const isTold = ended.how === 1 && /^error: cannot write .*\nremedy: /m.test(ended.stderr);
    if (ended.how !== 0 && !isTold) return describe(ended);
    return isBegun(scene.out) ? resumed(scene) : undefined;
  },
};

function argsOf({ config, out }: Scene, flags: readonly string[] = []): readonly string[] {
  return ['--config', config, '--output-dir', out, ...flags];
}

function isBegun(out: string): boolean {
  return existsSync(join(out, 'manifest.json'));
}

/** Ends what was begun; the results must then be those of an undisturbed run. */
async function resumed(scene: Scene): Promise<string | undefined> {
  const flags = isBegun(scene.out) ? ['--resume'] : [];
  const ended = await run(argsOf(scene, [...flags, '--concurrency', '1']));
  if (ended.how !== 0) return `${flags.join('')} ${describe(ended)}`;
  const bytes = repeatableBytes(scene.out);
  const different = Object.keys(scene.expected).filter((file) => bytes[file] !== scene.expected[file]);
  if (different.length > 0) return `other bytes in ${different.join(', ')}`;
  const left = readdirSync(scene.out, { recursive: true }).filter((path) =>
    String(path).includes('.partial-'),
  );
  return left.length === 0 ? undefined : `left behind: ${left.join(', ')}`;
}

/** When the summary of each finished cell was written. */
function finishedAt(out: string): ReadonlyMap<string, number> {
  const cells = join(out, 'cells');
  const ids = existsSync(cells) ? readdirSync(cells).filter((name) => !name.startsWith('.')) : [];
  return new Map(ids.map((id) => [id, statSync(join(cells, id, 'summary.json')).mtimeMs]));
}

function describe({ how, stderr }: Ended): string {
  return `${how}: ${stderr.trim().split('\n').slice(-12).join('\n  ')}`;
}
