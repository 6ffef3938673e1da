import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBackend } from '../../../harness/backend/provision.ts';
import { EnvironmentError, InputError, messageOf } from '../../../harness/base/errors.ts';
import { type StepCase, stepCases } from './cases.ts';
import { contenderNames } from './contender-messages.ts';
import { duel } from './duel.ts';
import { RemoteContender } from './remote-contender.ts';
import { type CaseResult, formatReport, jsonReport } from './report.ts';

// Our step against llama.cpp's, side by side in one run: the same weights, one thread each, by turns. Arguments: names
// of cases, all by default. stdout gets a table and then one line of JSON, stderr what happens meanwhile.

const numRounds = 9;

async function main(caseNames: readonly string[]): Promise<void> {
  const chosen = chooseCases(caseNames);
  const loadBefore = loadAverage();
  await ensureBackend({ device: 'auto' });
  const folder = mkdtempSync(join(tmpdir(), 'servebench-step-'));
  const contenders: RemoteContender[] = [];
  // Without its sides the run fails by itself, and cleans up on its way out.
  process.once('SIGINT', () => closeAll(contenders));
  try {
    const descriptions: Record<string, string> = {};
    for (const name of contenderNames) {
      const contender = new RemoteContender(name, join(folder, 'model.gguf'));
      contenders.push(contender);
      // One after the other: the first writes the model file that the others read.
      descriptions[name] = await contender.describe();
    }
    const results: CaseResult[] = [];
    for (const stepCase of chosen) {
      process.stderr.write(`${stepCase.name} ...\n`);
      results.push({ stepCase, sides: await duel(contenders, stepCase, numRounds) });
    }
    const load = { before: loadBefore, after: loadAverage() };
    const machine = `${cpus().length} x ${cpus()[0]?.model.trim() ?? process.arch}, Node ${process.version}`;
    const info = { descriptions, machine, numRounds, load };
    process.stdout.write(`${formatReport(results, info)}\n${jsonReport(results, info)}\n`);
  } finally {
    closeAll(contenders);
    rmSync(folder, { recursive: true });
  }
}

function chooseCases(names: readonly string[]): readonly StepCase[] {
  const known = stepCases.map((stepCase) => stepCase.name);
  const issues = names
    .filter((name) => !known.includes(name))
    .map((name) => ({
      source: 'arguments',
      path: '',
      message: `no case is called "${name}"`,
      hint: known.join(', '),
    }));
  if (issues.length > 0) throw new InputError(issues);
  return names.length === 0 ? stepCases : stepCases.filter((stepCase) => names.includes(stepCase.name));
}

function closeAll(contenders: readonly RemoteContender[]): void {
  for (const contender of contenders) contender.close();
}

function loadAverage(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(
    `${messageOf(error)}\n${error instanceof EnvironmentError ? `${error.remedy}\n` : ''}`,
  );
  process.exitCode = error instanceof InputError ? 2 : 1;
}
