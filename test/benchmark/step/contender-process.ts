import { EnvironmentError, messageOf } from '../../../harness/base/errors.ts';
import { stepCases } from './cases.ts';
import type { ContenderName, Reply, Request } from './contender-messages.ts';
import { type Contender, type PreparedStep, timeSteps } from './contender.ts';
import { LlamaContender } from './llama-contender.ts';
import { ServebenchContender } from './servebench-contender.ts';

// Entry point of one side's process: answers the parent's requests, one at a time, until the parent disconnects.
// Arguments: which side, and the path of the model file, which our side writes and the others read.

const loaders: Readonly<Record<ContenderName, (modelPath: string) => Promise<Contender>>> = {
  servebench: (modelPath) => ServebenchContender.load(modelPath),
  'llama.cpp': (modelPath) => LlamaContender.load(modelPath, 'float32'),
  'llama.cpp f16': (modelPath) => LlamaContender.load(modelPath, 'float16'),
};

const [name, path] = process.argv.slice(2) as [ContenderName, string];
let loading: Promise<Contender> | undefined;
let prepared: PreparedStep | undefined;

process.on('message', (request: Request) => {
  void answer(request)
    .catch((error: unknown): Reply => ({ kind: 'failed', message: withRemedy(error) }))
    .then((reply) => process.send?.(reply));
});

async function answer(request: Request): Promise<Reply> {
  loading ??= loaders[name](path);
  const contender = await loading;
  switch (request.kind) {
    case 'describe':
      return { kind: 'described', description: contender.description };
    case 'prepare': {
      await prepared?.dispose();
      prepared = await contender.prepare(caseNamed(request.caseName));
      const { tokens } = await prepared.run();
      return { kind: 'prepared', settings: prepared.settings, tokens };
    }
    case 'time': {
      if (prepared === undefined) throw new Error('asked for times before a case');
      return { kind: 'timed', stepUs: await timeSteps(prepared, request.numSteps) };
    }
  }
}

function caseNamed(caseName: string) {
  const found = stepCases.find((stepCase) => stepCase.name === caseName);
  if (found === undefined) throw new Error(`no case is called ${caseName}`);
  return found;
}

function withRemedy(error: unknown): string {
  return error instanceof EnvironmentError ? `${error.message}; ${error.remedy}` : messageOf(error);
}
