// The code under test, as one value: the real modules of src, or the same modules with a planted bug (mutants.ts).
import * as errors from '../../src/core/errors.ts';
import * as slot from '../../src/core/clock/slot.ts';
import * as registerChanges from '../../src/core/failover/register-changes.ts';
import * as runbook from '../../src/core/failover/runbook.ts';
import * as leaseRows from '../../src/core/lease/lease-rows.ts';
import * as registerValue from '../../src/core/register/value.ts';
import * as changeRecord from '../../src/core/log/change-record.ts';
import * as firstRows from '../../src/core/rows/first-rows.ts';
import * as dataStore from '../../src/drivers/memory/memory-data-store.ts';
import * as divergenceStore from '../../src/drivers/memory/memory-divergence-store.ts';
import * as liveTable from '../../src/drivers/memory/memory-live-table.ts';
import * as logStore from '../../src/drivers/memory/memory-log-store.ts';
import * as rows from '../../src/drivers/memory/memory-row-store.ts';
import * as abandonAttempt from '../../src/operations/abandon-attempt.ts';
import * as applyLog from '../../src/operations/apply-log.ts';
import * as changeVoters from '../../src/operations/change-voters.ts';
import * as compareBegun from '../../src/operations/compare-begun.ts';
import * as currentLease from '../../src/operations/current-lease.ts';
import * as divergenceList from '../../src/operations/divergence-list.ts';
import * as openGate from '../../src/operations/open-gate.ts';
import * as register from '../../src/operations/register.ts';
import * as resolveDivergence from '../../src/operations/resolve-divergence.ts';
import * as report from '../../src/operations/report.ts';
import * as strongRegister from '../../src/operations/strong-register.ts';
import * as shipLog from '../../src/operations/ship-log.ts';
import * as signOff from '../../src/operations/sign-off.ts';
import * as synchronise from '../../src/operations/synchronise.ts';
import * as takeLease from '../../src/operations/take-lease.ts';
import * as tick from '../../src/operations/tick.ts';
import * as validateService from '../../src/operations/validate-service.ts';

export type Product = {
  readonly errors: typeof errors;
  readonly slot: typeof slot;
  readonly registerChanges: typeof registerChanges;
  readonly runbook: typeof runbook;
  readonly leaseRows: typeof leaseRows;
  readonly registerValue: typeof registerValue;
  readonly firstRows: typeof firstRows;
  readonly rows: typeof rows;
  readonly abandonAttempt: typeof abandonAttempt;
  readonly changeVoters: typeof changeVoters;
  readonly compareBegun: typeof compareBegun;
  readonly currentLease: typeof currentLease;
  readonly openGate: typeof openGate;
  readonly register: typeof register;
  readonly strongRegister: typeof strongRegister;
  readonly report: typeof report;
  readonly takeLease: typeof takeLease;
  readonly tick: typeof tick;
  readonly validateService: typeof validateService;
  readonly changeRecord: typeof changeRecord;
  readonly dataStore: typeof dataStore;
  readonly divergenceStore: typeof divergenceStore;
  readonly logStore: typeof logStore;
  readonly applyLog: typeof applyLog;
  readonly shipLog: typeof shipLog;
  readonly synchronise: typeof synchronise;
  readonly divergenceList: typeof divergenceList;
  readonly liveTable: typeof liveTable;
  readonly resolveDivergence: typeof resolveDivergence;
  readonly signOff: typeof signOff;
};

export const realProduct: Product = {
  errors,
  slot,
  registerChanges,
  runbook,
  leaseRows,
  registerValue,
  firstRows,
  rows,
  abandonAttempt,
  changeVoters,
  compareBegun,
  currentLease,
  openGate,
  register,
  strongRegister,
  report,
  takeLease,
  tick,
  validateService,
  changeRecord,
  dataStore,
  divergenceStore,
  logStore,
  applyLog,
  shipLog,
  synchronise,
  divergenceList,
  liveTable,
  resolveDivergence,
  signOff,
};
