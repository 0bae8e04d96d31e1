// Why: keys of persons lie in the other regions' tables, which no function may write otherwise; so the right to do it is on those rows alone, and is there
// only where items are sealed by person.
import { beforeAll, describe, expect, it } from 'vitest';
import { config as sample } from '../../holdfast.config.ts';
import { toRuntimeConfig } from '../../src/config/runtime-config.ts';
import { parseRuntimeConfig } from '../../src/config/runtime-config.ts';
import { subjectKey } from '../../src/core/backup/subject-rows.ts';
import { subjectStatements } from '../../infra/constructs/table-access.ts';
import { resourcesOf, statementsOf, type Synthesised, synthesise, textOf } from './synthesised.ts';

if (sample.vault === undefined) throw new Error('the sample has no vault');
const config = { ...sample, vault: { ...sample.vault, subject: { attribute: 'customerId' } } };
const rowsOf = (region: string) => `arn:\${AWS::Partition}:dynamodb:${region}:\${AWS::AccountId}:table/holdfast-orders-region`;

let made: Synthesised;
beforeAll(async () => {
  made = await synthesise({ isChecked: false, config });
}, 120_000);

describe.each(['us-east-1', 'us-west-2'])("persons' keys in %s", (region) => {
  it('are read and added by what seals, read by what opens, in every region, and nothing else of those tables is', () => {
    const template = made.templates.get(`Holdfast-orders-${region}`) ?? { Resources: {}, Parameters: {}, Outputs: {} };
    const found = statementsOf(template).filter(({ statement }) => JSON.stringify(statement).includes('SUBJECT#'));
    for (const { statement } of found) {
      expect(statement['Condition']).toEqual({ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['SUBJECT#*'] } });
      expect([statement['Resource']].flat().map(textOf)).toEqual(['us-east-1', 'us-west-2', 'eu-west-1'].map(rowsOf));
    }
    const may = found.map(({ where, statement }) => `${/(WriteBackupPart|ArchiveLog|RestorePart|RestoreInPlace)/.exec(where)?.[1] ?? where}: ${[statement['Action']].flat().join(' ')}`);
    expect(may.toSorted()).toEqual([
      'ArchiveLog: dynamodb:GetItem dynamodb:UpdateItem',
      'RestoreInPlace: dynamodb:GetItem',
      'RestorePart: dynamodb:GetItem',
      'WriteBackupPart: dynamodb:GetItem dynamodb:UpdateItem',
    ]);
    // Without the condition no function writes another region's rows.
    for (const { where, statement } of statementsOf(template)) {
      const isForeign = [statement['Resource'] ?? []]
        .flat()
        .map(textOf)
        .some((r) => r.endsWith('holdfast-orders-region') && !r.includes(`:${region}:`));
      if (isForeign && [statement['Action']].flat().some((a) => /Update|Put|Delete/.test(String(a)))) expect(statement['Condition'], where).toBeDefined();
    }
  });

  it('functions are told the attribute', () => {
    const template = made.templates.get(`Holdfast-orders-${region}`) ?? { Resources: {}, Parameters: {}, Outputs: {} };
    const told = resourcesOf(template, 'AWS::Lambda::Function').flatMap(([, { Properties }]) => Object(Object(Properties['Environment'])['Variables'])['HOLDFAST_CONFIG'] ?? []);
    expect(told.length).toBeGreaterThan(10);
    for (const text of told) expect(parseRuntimeConfig(String(text)).vault?.subject).toEqual({ attribute: 'customerId' });
  });
});

it('no right on such rows where nothing is sealed by person; and the rows are named as the condition says', () => {
  for (const grant of ['seal', 'open'] as const) expect(subjectStatements(toRuntimeConfig(sample), grant)).toEqual([]);
  expect(subjectKey('0'.repeat(32)).pk).toMatch(/^SUBJECT#/);
});
