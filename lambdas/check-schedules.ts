// CheckSchedules: what should have been made by now and was not; in every candidate region, each quarter of an hour.
import { connectIntegrity } from '../src/client/connect-integrity.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { checkSchedules, type SchedulesChecked } from '../src/operations/check-schedules.ts';

export async function handler(): Promise<SchedulesChecked> {
  return checkSchedules(ports);
}

const ports = connectIntegrity(readEnvironment());
