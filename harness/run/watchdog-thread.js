// A thread beside a worker's main thread, which may be stuck inside a policy: plain JavaScript, so that it needs
// nothing but Node. Counts polls instead of reading a clock, so a machine that slept does not look like a slow policy.
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

const { words, parentPid, reportFd, pollMs, pollsPerSign } = workerData;
const names = [];
let seenSequence = 0;
let seenProgress = 0;
let numPolls = 0;
let numPollsOfCall = 0;
let isAlive = false;

parentPort.on('message', (name) => names.push(name));

setInterval(() => {
  // Its group: what a plug-in has started goes with it.
  if (process.ppid !== parentPid) process.kill(-process.pid, 'SIGKILL');
  const [sequence, policy, moment, timeoutMs, progress] = [0, 1, 2, 3, 4].map((index) =>
    Atomics.load(words, index),
  );
  // Odd while a call is under way; the same odd number as before means the same call.
  const isInCall = (sequence & 1) === 1;
  const isSameCall = isInCall && sequence === seenSequence;
  isAlive ||= isInCall || sequence !== seenSequence || progress !== seenProgress;
  seenSequence = sequence;
  seenProgress = progress;
  numPollsOfCall = isSameCall ? numPollsOfCall + 1 : 0;
  if (isSameCall && numPollsOfCall * pollMs >= timeoutMs) end(policy, moment, timeoutMs);
  numPolls += 1;
  if (numPolls % pollsPerSign !== 0) return;
  if (isAlive) writeSync(reportFd, '\n');
  isAlive = false;
}, pollMs);

function end(policy, moment, timeoutMs) {
  writeSync(reportFd, JSON.stringify({ policy: names[policy], moment: names[moment], timeoutMs }));
  process.kill(process.pid, 'SIGKILL');
}
