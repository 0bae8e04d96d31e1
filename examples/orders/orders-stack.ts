// Why: the least that a team writes to put a service of its own under Holdfast: its table, its function, its endpoint, and one construct.
import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { MaintenancePage } from '../../infra/constructs/maintenance-page.ts';
import { RecoveryGroupRegion } from '../../infra/constructs/recovery-group-region.ts';
import { ServiceEndpoint } from '../../infra/constructs/service-endpoint.ts';
import type { HoldfastConfig } from '../../src/config/holdfast-config.ts';
import { OrdersService } from './orders-service.ts';

export class OrdersStack extends Stack {
  constructor(scope: Construct, id: string, props: StackProps & { readonly config: HoldfastConfig; readonly region: string }) {
    super(scope, id, props);
    const { config, region } = props;
    if (config.regions.some((member) => member.region === region && member.role === 'witness')) {
      const service = new MaintenancePage(this, 'MaintenancePage', { config, region }).endpoint;
      new RecoveryGroupRegion(this, 'Holdfast', { config, region, service });
      return;
    }
    const orders = new OrdersService(this, 'Orders', config);
    const service = new ServiceEndpoint(this, 'Service', { serviceName: config.service.name, handler: orders.handler });
    const holdfast = new RecoveryGroupRegion(this, 'Holdfast', { config, region, service, data: orders.table });
    holdfast.protect(orders.handler);
  }
}
