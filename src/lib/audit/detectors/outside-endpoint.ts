import { distinct } from './distinct.ts';
import { gathering } from './gather.ts';
import { circumstances, graded, isChange, isRead, times } from './words.ts';

export const outsideEndpoint = gathering({
  id: 'outside-endpoint',
  about: {
    finds: 'a read or a change that did not come through the VPC endpoint',
    severity: 'high where nothing explains it, else medium; low for whoever runs the audit',
    technique: 'T1078.004',
    logic:
      'audit.vpcEndpoints names the endpoints that accesses come through; any that came through another one or over the internet. Silent where none is named. What AWS did by itself or on behalf of the caller is left out',
    falsePositives: 'a person at work from outside of the VPC; a new endpoint that the settings do not name yet',
  },
  concerns: (access, { settings: { vpcEndpoints } }) =>
    vpcEndpoints.length > 0 &&
    (isRead(access) || isChange(access)) &&
    access.invokedBy === null &&
    access.principal.type !== 'AWSService' &&
    !(access.vpcEndpointId !== null && vpcEndpoints.includes(access.vpcEndpointId)),
  own: (budget) => ({ endpoints: distinct(budget) }),
  note: ({ endpoints }, { vpcEndpointId }) => endpoints.add(vpcEndpointId ?? 'the internet'),
  tell: (deeds) => ({
    severity: deeds.allSelf ? 'low' : graded(deeds, 'high', 'medium'),
    title: `${deeds.key} did not come through the VPC endpoint`,
    why: `${circumstances(deeds)}, ${times(deeds.count)}, by way of ${deeds.endpoints.few()}`,
    fix: 'deny what does not come through the endpoint (aws:SourceVpce in the policy of the secret); where the endpoint is a new one, add it to audit.vpcEndpoints',
  }),
});
