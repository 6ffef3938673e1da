import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { EnvironmentError, messageOf } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import { checkBinding, type BindingCheck } from './binding-check.ts';
import { cpuInstructionSets, cpuName, queryGpus } from './devices.ts';
import { currentHost, type Host } from './host.ts';
import { bindingFolderOf, linkTarget } from './install.ts';
import { bindingName } from './library.ts';
import { pinFor, tensorflowVersion } from './pins.ts';
import { detectDevice } from './provision.ts';
import { setupRemedy, simulateRemedy } from './remedies.ts';
import { requireSupported } from './support.ts';
import { findCompiler, findHeaders, findPython } from './toolchain.ts';

export interface DoctorRow {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  readonly remedy?: string;
}

export interface DoctorReport {
  readonly rows: readonly DoctorRow[];
  /** Whether `measure` can run here, possibly after a download for which everything is available. */
  readonly canMeasure: boolean;
}

/** Undefined if nothing is installed. */
type InstalledCheck = BindingCheck | undefined;

/** Checks everything that real execution needs. Takes a second or two and changes nothing. */
export async function diagnose(host: Host = currentHost()): Promise<DoctorReport> {
  const tfjs = await row('tfjs-node-gpu', 'failed', async () => `in ${host.packageFolder}`);
  const installed = tfjs.status === 'ok' ? await checkInstalled(host) : undefined;
  const isReady = installed?.kind === 'computes';
  const rows = [
    await row('Node', 'failed', async () => {
      requireSupported(host);
      return `${host.nodeVersion} on ${host.platform} ${host.arch}`;
    }),
    tfjs,
    ...(await toolRows(host, isReady)),
    await libraryRow(host, installed),
    await deviceRow(host),
    await diskRow(host, isReady),
    productRow(installed),
  ];
  const canMeasure = rows.every(({ status }) => status !== 'failed');
  return { rows: [...rows, await measureRow(host, installed, canMeasure)], canMeasure };
}

/** Checks the installed binding with a timed product of 1024 x 1024 matrices on every core. */
async function checkInstalled(host: Host): Promise<InstalledCheck> {
  const bindingPath = join(bindingFolderOf(host), bindingName);
  if (!existsSync(bindingPath)) return undefined;
  return checkBinding(host, bindingPath, { width: 1024, numRepeats: 20, numThreads: cpus().length });
}

/**
 * Returns the rows about the tools for building the library. Once it is built, they are not needed any more.
 */
function toolRows(host: Host, isReady: boolean): Promise<DoctorRow[]> {
  const statusIfMissing = isReady ? 'warning' : 'failed';
  return Promise.all([
    row('Python and pip', statusIfMissing, async () => {
      const { version, pipVersion } = await findPython(host);
      return `Python ${version}, pip ${pipVersion}`;
    }),
    row('C++ compiler', statusIfMissing, async () => (await findCompiler(host)).version),
    row('Node headers', statusIfMissing, () => findHeaders(host)),
  ]);
}

async function libraryRow(host: Host, installed: InstalledCheck): Promise<DoctorRow> {
  const name = 'TensorFlow library';
  if (installed === undefined) {
    const detail =
      'not set up here yet: "bench setup" or the first measured run does it, and fetches and builds what the cache lacks';
    return { name, status: 'warning', detail, remedy: setupRemedy };
  }
  if (installed.kind === 'fails')
    return { name, status: 'failed', detail: installed.cause, remedy: setupRemedy };
  const ownFolder = await linkTarget(bindingFolderOf(host));
  const source =
    ownFolder === undefined ? "from tfjs-node-gpu's own install script" : `in ${dirname(ownFolder)}`;
  return { name, status: 'ok', detail: `${installed.report.tensorflowVersion}, ${source}` };
}

async function deviceRow(host: Host): Promise<DoctorRow> {
  const gpus = await queryGpus(host.env);
  const cpu = `${cpuName()}, ${cpus().length} threads, ${(await cpuInstructionSets()).join(' ')}`;
  const gpuTexts = gpus.map(
    ({ name, memoryMiB, driverVersion }) =>
      `${name}, ${formatBytes(memoryMiB * 1024 ** 2)}, driver ${driverVersion}`,
  );
  return { name: 'Device', status: 'ok', detail: [...gpuTexts, cpu].join('; ') };
}

async function diskRow(host: Host, isReady: boolean): Promise<DoctorRow> {
  return row('Disk', isReady ? 'warning' : 'failed', async () => {
    const freeBytes = await host.freeBytes(nearestExisting(host.cacheFolder));
    const neededBytes = pinFor(await detectDevice(host), host.arch)?.peakBytes ?? 0;
    const detail = `${formatBytes(freeBytes)} free for ${host.cacheFolder}`;
    if (isReady || freeBytes >= neededBytes) return detail;
    const remedy = `free some, or set SERVEBENCH_CACHE_DIR to a folder on another disk, ${simulateRemedy}`;
    throw new EnvironmentError(`${detail}, about ${formatBytes(neededBytes)} are needed`, remedy);
  });
}

function productRow(installed: InstalledCheck): DoctorRow {
  const name = 'Product 1024x1024';
  if (installed?.kind !== 'computes') {
    return { name, status: 'warning', detail: 'not timed: there is no library that computes' };
  }
  const where = installed.report.usesGpu ? 'GPU' : 'CPU, every core';
  return { name, status: 'ok', detail: `${installed.report.gflopsPerSecond.toFixed(0)} GFLOP/s (${where})` };
}

async function measureRow(host: Host, installed: InstalledCheck, canMeasure: boolean): Promise<DoctorRow> {
  const name = 'bench would use';
  if (!canMeasure) {
    return {
      name,
      status: 'failed',
      detail: 'nothing for --mode measure',
      remedy: `see above, ${simulateRemedy}`,
    };
  }
  const isGpuSeen = (await detectDevice(host)) === 'cuda';
  if (installed?.kind !== 'computes') {
    const device = isGpuSeen ? 'GPU' : 'CPU';
    return {
      name,
      status: 'ok',
      detail: `TensorFlow ${tensorflowVersion} on the ${device}, after setting it up`,
    };
  }
  const { usesGpu, tensorflowVersion: version } = installed.report;
  const detail = `TensorFlow ${version} on the ${usesGpu ? 'GPU' : 'CPU'}`;
  if (usesGpu || !isGpuSeen) return { name, status: 'ok', detail };
  const remedy = 'run "bench setup --device cuda" to use the GPU';
  return { name, status: 'warning', detail: `${detail}, though there is a GPU`, remedy };
}

/**
 * Creates a row. If `detail` throws an `EnvironmentError`, the row shows its message and remedy with status
 * `statusIfRefused`.
 */
async function row(
  name: string,
  statusIfRefused: 'warning' | 'failed',
  detail: () => Promise<string>,
): Promise<DoctorRow> {
  try {
    return { name, status: 'ok', detail: await detail() };
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    return { name, status: statusIfRefused, detail: messageOf(error), remedy: error.remedy };
  }
}

function nearestExisting(folder: string): string {
  return existsSync(folder) ? folder : nearestExisting(dirname(folder));
}
