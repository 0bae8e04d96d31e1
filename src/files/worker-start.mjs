// Begins a worker thread: takes the compile cache of the main thread before it loads any TypeScript, which otherwise costs each thread 0.2 s. Plain JavaScript, so that
// it costs nothing itself. The worker's file exports `begin(setup, tell)`, which is called with the first message and gives what answers every other one;
// `tell(news, transfer)` says something that is no answer.
import { enableCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';

if (workerData.compileCache !== null) enableCompileCache(workerData.compileCache);
const { begin } = await import(workerData.file);
parentPort.once('message', (setup) => {
  const answer = begin(setup, (news, transfer) => parentPort.postMessage({ ticket: null, news }, transfer));
  parentPort.on('message', ({ ticket, ...task }) => parentPort.postMessage({ ticket, result: answer(task) }));
});
