// Why: the list is for people too; the page shows it as it is, and a test fails where it does not.
import { ALLOWED, EXCEPTIONS, type Source } from '../../../infra/recovery-path-actions.ts';

export function actionTables(): string {
  const link = ({ title, url }: Source) => `[${title}](${url})`;
  const code = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(' ');
  return [
    '',
    '| action | paths | why | who says so |',
    '| --- | --- | --- | --- |',
    ...ALLOWED.map(({ actions, paths, by, because, source }) => `| ${code(actions)} | ${paths.join(', ')} | ${because} | ${by === 'aws' ? 'AWS' : by}: ${link(source)} |`),
    '',
    'Calls to a control plane that stand, each with its reason; the failover path has none:',
    '',
    '| action | functions | why |',
    '| --- | --- | --- |',
    ...EXCEPTIONS.map(({ actions, functions, because, source }) => `| ${code(actions)} | ${functions.join(', ')} | ${because} (${link(source)}) |`),
    '',
    '',
  ].join('\n');
}
