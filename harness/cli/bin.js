#!/usr/bin/env node
// Plain JavaScript, so that even a version of Node that is not supported can print what is wrong.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19) || major > 22) {
  console.error(
    `bench needs Node 20.19 to 22, this is ${process.versions.node}: TensorFlow's binding for Node supports no other version.\n` +
      'Install Node 22 (https://nodejs.org, or "nvm install 22") and run the command again.',
  );
  process.exitCode = 2;
} else {
  process.exitCode = await start();
}

async function start() {
  let registration;
  try {
    registration = await import('../run/register-typescript.js');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    console.error(`bench is not installed completely (${error.message}).\nRun "npm ci" in its folder first.`);
    return 2;
  }
  registration.registerTypescript();
  const { main } = await import('./main.ts');
  return main(process.argv.slice(2));
}
