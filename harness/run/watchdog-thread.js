// A thread beside a worker's main thread, which may be stuck inside a policy: plain JavaScript, so that it needs
// nothing but Node. Counts polls instead of reading a clock, so a machine that slept does not look like a slow policy.
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

const { words, parentPid, reportFd, pollMs } = workerData;
const names = [];
let seenSequence = 0;
let numPolls = 0;

parentPort.on('message', (name) => names.push(name));

setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, 'SIGKILL');
  const [sequence, policy, moment, timeoutMs] = [0, 1, 2, 3].map((index) => Atomics.load(words, index));
  // Odd while a call is under way; the same odd number as before means the same call.
  const isSameCall = (sequence & 1) === 1 && sequence === seenSequence;
  numPolls = isSameCall ? numPolls + 1 : 0;
  seenSequence = sequence;
  if (!isSameCall || numPolls * pollMs < timeoutMs) return;
  writeSync(reportFd, JSON.stringify({ policy: names[policy], moment: names[moment], timeoutMs }));
  process.kill(process.pid, 'SIGKILL');
}, pollMs);
