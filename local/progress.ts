// Says which step runs, how long it took, and what is being waited for, so that nobody looks at a silent terminal and wonders.

export type Progress = {
  /** Runs `work` as a step: its name when it begins and its time when it ends, however it ends. */
  readonly step: <T>(name: string, work: (waitFor: (what: string) => void) => Promise<T>) => Promise<T>;
  readonly note: (text: string) => void;
};

const REMIND_MS = 5_000;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export function createProgress(write: (line: string) => void): Progress {
  const begunAtMs = performance.now();
  const say = (text: string): void => write(`[${seconds(performance.now() - begunAtMs).padStart(7)}] ${text}\n`);
  return {
    note: say,
    async step(name, work) {
      const stepBegunAtMs = performance.now();
      const lasted = (): string => seconds(performance.now() - stepBegunAtMs);
      let waitedFor = name;
      say(`${name} …`);
      const reminder = setInterval(() => say(`  still waiting for ${waitedFor} (${lasted()})`), REMIND_MS);
      try {
        const result = await work((what) => {
          waitedFor = what;
        });
        say(`${name}: done in ${lasted()}`);
        return result;
      } catch (error) {
        say(`${name}: failed after ${lasted()}, while waiting for ${waitedFor}`);
        throw error;
      } finally {
        clearInterval(reminder);
      }
    },
  };
}
