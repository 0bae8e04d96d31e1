// Why: a service that fails over answers under one name in every region: an HTTP API of this region, and a custom domain of this region that
// carries the common name. Its own endpoint stays on, so that Holdfast can use the service here whatever DNS says.
import { Aws, CfnParameter, Stack } from 'aws-cdk-lib';
import { CfnApi, CfnApiMapping, CfnDomainName, CfnIntegration, CfnRoute, CfnStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { acknowledge } from './nag-exceptions.ts';

export type ServiceEndpointProps = {
  /** What clients call: the same in every region. */
  readonly serviceName: string;
  readonly handler: IFunction;
};

export class ServiceEndpoint extends Construct {
  /** `https://<api id>.execute-api.<region>.amazonaws.com`: this region's service, past DNS. */
  readonly url: string;
  /** The host name that DNS answers with for this region. */
  readonly target: string;

  constructor(scope: Construct, id: string, props: ServiceEndpointProps) {
    super(scope, id);
    const { serviceName, handler } = props;
    const api = new CfnApi(this, 'Api', { name: serviceName, protocolType: 'HTTP' });
    const integration = new CfnIntegration(this, 'Integration', { apiId: api.ref, integrationType: 'AWS_PROXY', integrationUri: handler.functionArn, payloadFormatVersion: '2.0' });
    const route = new CfnRoute(this, 'Route', { apiId: api.ref, routeKey: '$default', target: `integrations/${integration.ref}` });
    const stage = new CfnStage(this, 'Stage', { apiId: api.ref, stageName: '$default', autoDeploy: true });
    stage.addResourceDependency(route);
    acknowledge(
      route,
      'AwsSolutions-APIG4',
      "Who may call the service is the owner's decision and the service's own code; Holdfast must reach /healthz and /ready without credentials of the service.",
    );
    acknowledge(stage, 'AwsSolutions-APIG1', "Access logs of the protected service are the owner's: Holdfast neither needs nor keeps who called it.");
    handler.addPermission('FromApi', {
      principal: new ServicePrincipal('apigateway.amazonaws.com'),
      scope: this,
      sourceArn: `arn:${Aws.PARTITION}:execute-api:${Aws.REGION}:${Aws.ACCOUNT_ID}:${api.ref}/*/$default`,
    });

    const domain = new CfnDomainName(this, 'Domain', {
      domainName: serviceName,
      domainNameConfigurations: [{ endpointType: 'REGIONAL', securityPolicy: 'TLS_1_2', certificateArn: certificateOf(this).valueAsString }],
    });
    new CfnApiMapping(this, 'Mapping', { apiId: api.ref, domainName: domain.ref, stage: stage.ref });
    this.url = `https://${api.ref}.execute-api.${Aws.REGION}.${Aws.URL_SUFFIX}`;
    this.target = domain.attrRegionalDomainName;
  }
}

/** A certificate is of a region and proves a domain, so its ARN is told at the deployment: `--parameters CertificateArn=…`. */
function certificateOf(scope: Construct): CfnParameter {
  const existing = Stack.of(scope).node.tryFindChild('CertificateArn');
  if (existing instanceof CfnParameter) return existing;
  return new CfnParameter(Stack.of(scope), 'CertificateArn', {
    type: 'String',
    description: 'ARN of the ACM certificate, in this region, for the name of the service',
    allowedPattern: '^arn:[a-z-]+:acm:.+$',
  });
}
