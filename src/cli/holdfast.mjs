#!/usr/bin/env node
// Why: Holdfast is TypeScript that Node 24 runs as it is; an older Node cannot even parse it, and would say so in a stack trace. This file
// every Node can read, so that a person gets one sentence instead.
const nodeMajorLeast = 24;

if (Number(process.versions.node.split('.')[0]) < nodeMajorLeast) {
  console.error(
    `holdfast: this is Node ${process.versions.node}, and Holdfast needs Node ${nodeMajorLeast} or newer: run it by 'npx holdfast' after 'npm install' in Holdfast's folder (that brings its own Node), or install Node ${nodeMajorLeast}.`,
  );
  process.exitCode = 1;
} else {
  // Else the TypeScript is translated anew each time, for 0.3 s. In a folder of the user's own: whoever can write there could change what runs here.
  const [{ enableCompileCache }, { homedir }, { join }] = await Promise.all([import('node:module'), import('node:os'), import('node:path')]);
  enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'holdfast'));
  await import(process.argv[2] === 'vault' ? './vault-main.ts' : './main.ts');
}
