/** Rotates the secret of a sandbox: as `jamf-mcp rotate` does, or by hand, so that a test can look at every moment. */
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { systemClock } from '../../src/lib/host.ts';
import { jamfIssuer } from '../../src/lib/rotation/issuers/jamf.ts';
import type { Strategy } from '../../src/lib/rotation/issuer.ts';
import { rotate } from '../../src/lib/rotation/rotate.ts';
import type { Sandbox } from '../../src/lib/sandbox/index.ts';
import { testContext } from './context.ts';
import { command, memoryRecorder, RUNNER, SECRET, storeOf } from './rotation.ts';
import { secretsClient } from './sandbox.ts';

/** The fields of a secret. */
type Values = Record<string, string>;

/** Rotates. Between any two calls of a rotation by hand, `pause` is called with what has just been done. */
export interface Driver {
  /** As the command does, without a deployment; AWS variables have to lead to the sandbox. */
  rotate(strategy: Strategy): Promise<void>;
  /** Mint on the integration in use. */
  single(pause?: Pause): Promise<void>;
  /** Mint on the one of the two that is not in use. */
  alternate(pause?: Pause): Promise<void>;
  /** Drop what no label is on, as Secrets Manager does after a day: it keeps 100 such versions at most. */
  forget(): void;
}

/** Called with `claimed`, `minted`, `staged` or `promoted`. */
type Pause = (after: string) => Promise<void>;

/** Store the sandbox's fields as the secret, and set up the second integration and tokens of a given life. */
export async function rotationDriver(sandbox: Sandbox, tokenSeconds: number): Promise<Driver> {
  const secrets = secretsClient(sandbox);
  await secrets.send(new CreateSecretCommand({ Name: SECRET, SecretString: JSON.stringify(sandbox.fields) }));
  const { integrations } = sandbox.jamf;
  const live = integrations.find(({ clientId }) => clientId === sandbox.jamf.client.clientId);
  if (!live) throw new Error('the sandbox has no integration of its client');
  live.accessTokenLifetimeSeconds = tokenSeconds;
  const { displayName, authorizationScopes } = live;
  const admin = await bearer(sandbox, sandbox.fields);
  await jamf(sandbox, admin, '/api/v1/api-integrations', {
    displayName: `${displayName} (alternate)`,
    authorizationScopes,
    enabled: true,
    accessTokenLifetimeSeconds: tokenSeconds,
  });

  async function read(stage: string): Promise<{ id: string; values: Values }> {
    const version = await secrets.send(new GetSecretValueCommand({ SecretId: SECRET, VersionStage: stage }));
    return { id: version.VersionId ?? '', values: JSON.parse(version.SecretString ?? '') as Values };
  }
  async function put(values: Values): Promise<string> {
    const SecretString = JSON.stringify(values);
    const { VersionId = '' } = await secrets.send(
      new PutSecretValueCommand({ SecretId: SECRET, SecretString, VersionStages: ['AWSPENDING'] }),
    );
    return VersionId;
  }
  const move = (VersionStage: string, RemoveFromVersionId: string, MoveToVersionId?: string) =>
    secrets.send(
      new UpdateSecretVersionStageCommand({ SecretId: SECRET, VersionStage, RemoveFromVersionId, MoveToVersionId }),
    );

  async function byHand(same: boolean, pause: Pause): Promise<void> {
    const { id, values } = await read('AWSCURRENT');
    const target = integrations.find(
      ({ clientId, displayName: name }) =>
        name.startsWith(displayName) && (clientId === values.JAMF_CLIENT_ID) === same,
    );
    const token = await bearer(sandbox, values);
    await put({ ...values, JAMF_MCP_ROTATION: '{"rotationId":"EXAMPLE-rotation"}' });
    await pause('claimed');
    const path = `/api/v1/api-integrations/${String(target?.id)}/client-credentials`;
    const { clientId = '', clientSecret = '' } = (await jamf(sandbox, token, path, undefined)) as Values;
    await pause('minted');
    const pending = await put({ ...values, JAMF_CLIENT_ID: clientId, JAMF_CLIENT_SECRET: clientSecret });
    await pause('staged');
    await move('AWSCURRENT', id, pending);
    await pause('promoted');
    await move('AWSPENDING', pending);
  }

  const atOnce = () => Promise.resolve();
  return {
    single: (pause = atOnce) => byHand(true, pause),
    alternate: (pause = atOnce) => byHand(false, pause),
    async rotate(strategy) {
      const context = { ...testContext(), clock: systemClock };
      context.answer(true);
      const { outcome } = await rotate(
        {
          secret: SECRET,
          environment: 'production',
          openStore: (held) => Promise.resolve(storeOf(held)),
          issuers: () => Promise.resolve((held) => jamfIssuer(null, held, { strategy })),
          choice: { issuer: 'jamf', fields: ['JAMF_CLIENT_SECRET'], strategy },
          ecs: null,
          aws: {},
          noDeploy: true,
          limitMs: 60_000,
          dryRun: false,
          reason: null,
          runner: RUNNER,
          isRunning: () => false,
          recorder: memoryRecorder().recorder,
          command,
        },
        context,
      );
      if (outcome !== 'rotated') throw new Error(`the rotation ended as ${outcome}`);
    },
    forget() {
      const versions = sandbox.secrets.vault.find('us-east-1', SECRET)?.versions;
      for (const [id, { stages }] of versions ?? []) if (stages.size === 0) versions?.delete(id);
    },
  };
}

async function bearer(sandbox: Sandbox, values: Values): Promise<string> {
  const { JAMF_CLIENT_ID: client_id = '', JAMF_CLIENT_SECRET: client_secret = '' } = values;
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id, client_secret });
  const response = await fetch(`${sandbox.jamfUrl}/api/oauth/token`, { method: 'POST', body });
  const { access_token: token = '' } = (await response.json()) as Values;
  return token;
}

async function jamf(sandbox: Sandbox, token: string, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(sandbox.jamfUrl + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path} answered ${String(response.status)}: ${await response.text()}`);
  return response.json();
}
