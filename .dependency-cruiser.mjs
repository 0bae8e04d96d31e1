// Who may import whom (the table in CONTRIBUTING.md), each rule with the sentence a person needs.
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });
const ours = '^(src|lambdas|infra|local|scripts|examples|test|holdfast\\.config)';

export default {
  forbidden: [
    rule('core-is-pure', 'src/core imports only src/core: no clock, no network, no SDK; what it needs comes in as an argument.', { path: '^src/core' }, { pathNot: '^src/core' }),
    rule('ports-know-core-only', 'A port is an interface over core types.', { path: '^src/ports' }, { pathNot: '^src/(core|ports)' }),
    rule('operations-use-ports', 'Operations reach the world through ports, never a driver.', { path: '^src/operations' }, { pathNot: '^src/(core|ports|operations|vault)' }),
    rule('drivers-one-vendor', 'A driver imports core, ports, its own folder and its vendor.', { path: '^src/drivers/([^/]+)' }, { path: ours, pathNot: '^src/(core|ports|drivers/$1)' }),
    rule(
      'aws-sdk-in-drivers',
      'Only src/drivers/aws, the workload, the client, lambdas, local, scripts, examples and tests speak to AWS.',
      { path: '^src', pathNot: '^src/(drivers/aws|workload|client)' },
      { path: 'node_modules/@(aws-sdk|smithy)' },
    ),
    rule('config-knows-core', 'src/config imports core and zod.', { path: '^src/config' }, { path: ours, pathNot: '^src/(core|config)' }),
    rule('workload-is-small', 'The workload package imports core and ports: it lands in other teams’ bundles.', { path: '^src/workload' }, { path: ours, pathNot: '^src/(core|ports|workload)' }),
    rule(
      'vault-needs-no-vendor',
      'The vault engine and the files source run anywhere Node runs: they import core, ports, one another and Node itself.',
      { path: '^src/(vault|files)' },
      { path: ours, pathNot: '^src/(core|ports|vault|files)' },
    ),
    rule('no-cdk-at-run-time', 'The CDK is for infra; Lambdas, CLI and client never load it.', { path: '^(src|lambdas)' }, { path: 'node_modules/(aws-cdk|constructs|cdk-nag)' }),
    rule(
      'infra-only-config',
      'infra validates through src/config; it never reaches into core, operations or drivers.',
      { path: '^infra' },
      { path: ours, pathNot: '^(infra|src/config|holdfast\\.config|examples)' },
    ),
    rule(
      'local-only-config',
      'The harness is outside: it imports config, scripts/deploy, and the list of what a recovery may call.',
      { path: '^local' },
      { path: ours, pathNot: '^(local|src/config|scripts/deploy|infra/recovery-path-actions|holdfast\\.config)' },
    ),
    rule('observer-is-an-outsider', 'test/observer measures from outside and imports nothing of ours.', { path: '^test/observer' }, { path: ours, pathNot: '^test/observer' }),
    rule('nothing-imports-tests', 'Nothing imports test.', { pathNot: '^test' }, { path: '^test' }),
    rule('no-cycles', 'A cycle means that two files are one.', {}, { circular: true }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.mjs', '.js', '.json'], conditionNames: ['import', 'node', 'default'], exportsFields: ['exports'] },
  },
};
