// Begins a worker thread: takes the compile cache of the main thread before it loads any TypeScript, which otherwise costs each thread 0.2 s. Plain JavaScript, so that
// it costs nothing itself.
import { enableCompileCache } from 'node:module';
import { workerData } from 'node:worker_threads';

if (workerData.compileCache !== null) enableCompileCache(workerData.compileCache);
await import(workerData.file);
