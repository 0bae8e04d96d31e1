// Why: one name for whatever keeps the local AWS engine from being installed or started; its message says what to do.
export class EngineError extends Error {
  override readonly name = 'EngineError';
}
