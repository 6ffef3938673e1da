#!/usr/bin/env node
// Plain JavaScript, so that every version of Node can at least say what is wrong.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19) || major > 22) {
  console.error(
    `bench needs Node 20.19 to 22, this is ${process.versions.node}: TensorFlow's binding for Node supports no other version.\n` +
      'Install Node 22 (https://nodejs.org, or "nvm install 22") and run the command again.',
  );
  process.exitCode = 2;
} else {
  const { registerTypescript } = await import('../run/register-typescript.js');
  registerTypescript();
  const { main } = await import('./main.ts');
  process.exitCode = await main(process.argv.slice(2));
}
