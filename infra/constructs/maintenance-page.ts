// Why: while no region is active, clients are told so and when to come back, by a region that never becomes active.
import { Construct } from 'constructs';
import type { HoldfastConfig } from '../../src/config/holdfast-config.ts';
import { toRuntimeConfig } from '../../src/config/runtime-config.ts';
import { HoldfastFunction } from './holdfast-function.ts';
import { ServiceEndpoint } from './service-endpoint.ts';

export class MaintenancePage extends Construct {
  readonly endpoint: ServiceEndpoint;

  constructor(scope: Construct, id: string, props: { readonly config: HoldfastConfig; readonly region: string }) {
    super(scope, id);
    const maintenance = new HoldfastFunction(this, { config: toRuntimeConfig(props.config), region: props.region, name: 'maintenance' });
    this.endpoint = new ServiceEndpoint(this, 'Endpoint', { serviceName: props.config.service.name, handler: maintenance.function });
  }
}
