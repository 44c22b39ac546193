import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { parseConfig } from '../../src/lib/config/load.ts';
import { resolveSettings, type AwsEnvironment } from '../../src/lib/config/resolve.ts';
import { configJsonSchema } from '../../src/lib/config/schema.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';

const NO_AWS: AwsEnvironment = { credentials: false, region: false, defaultRegion: undefined };
const resolve = (
  ...[choices, aws, configs]: [
    Parameters<typeof resolveSettings>[0],
    Partial<AwsEnvironment>?,
    Parameters<typeof resolveSettings>[2]?,
  ]
) => resolveSettings(choices, { ...NO_AWS, ...aws }, configs ?? [], '/data');

describe('settings', () => {
  it('has the names of the design without any configuration', () => {
    assert.deepEqual(resolve({}), {
      environment: 'production',
      store: 'aws',
      secret: 'jamf-mcp-server/production',
      schema: 'jamf',
      schemaNamed: false,
      schemas: [],
      aws: { profile: undefined, region: undefined },
      ecs: { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service' },
      rotation: { alternate: null, auth0Mode: null },
      audit: {
        knownPrincipals: [],
        severities: {},
        thresholds: {},
        suppressions: [],
        decoys: [],
        vpcEndpoints: [],
        accounts: [],
        athena: {},
        lake: {},
      },
      localStore: '/data',
      localKey: null,
      vault: {},
      azure: {},
    });
  });

  for (const environment of ['production', 'staging', 'development']) {
    it(`names the secret of ${environment}`, () => {
      assert.equal(resolve({ env: environment }).secret, `jamf-mcp-server/${environment}`);
    });
  }

  it('puts flags over the project file over the user file, and an environment over the top of its file', () => {
    const project = { region: 'eu-west-1', environments: { staging: { region: 'eu-north-1', ecs: { service: 's' } } } };
    const user = { region: 'us-west-2', store: 'local' as const, ecs: { cluster: 'c', service: 'u' } };
    const staging = resolve({ env: 'staging' }, {}, [project, user]);
    assert.equal(staging.aws.region, 'eu-north-1');
    assert.equal(staging.store, 'local');
    assert.deepEqual(staging.ecs, { cluster: 'c', service: 's' });
    assert.equal(resolve({ env: 'production' }, {}, [project, user]).aws.region, 'eu-west-1');
    assert.equal(resolve({ env: 'staging', region: 'x', store: 'aws' }, {}, [project, user]).aws.region, 'x');
  });

  it('merges what the files say of Vault and Key Vault key by key', () => {
    const project = {
      vault: { address: 'https://vault.example.com', mount: 'kv' },
      environments: {
        staging: { vault: { namespace: 'staging' }, azure: { vault: 'https://staging.vault.azure.net' } },
      },
    };
    const user = { vault: { address: 'https://other.example.com', auth: 'kubernetes' as const, role: 'jamf' } };
    assert.deepEqual(resolve({ env: 'staging' }, {}, [project, user]).vault, {
      address: 'https://vault.example.com',
      mount: 'kv',
      namespace: 'staging',
      auth: 'kubernetes',
      role: 'jamf',
    });
    assert.deepEqual(resolve({ env: 'production' }, {}, [project]).vault, project.vault);
    assert.deepEqual(resolve({ env: 'staging' }, {}, [project]).azure, { vault: 'https://staging.vault.azure.net' });
  });

  it('lets the AWS variables win over the files, and reads AWS_DEFAULT_REGION, which the SDK does not', () => {
    const file = { profile: 'p', region: 'eu-west-1' };
    assert.deepEqual(resolve({}, { credentials: true, region: true }, [file]).aws, {
      profile: undefined,
      region: undefined,
    });
    assert.deepEqual(resolve({}, { defaultRegion: 'ap-south-1' }, [file]).aws, { profile: 'p', region: 'ap-south-1' });
    assert.deepEqual(resolve({ profile: 'q', region: 'z' }, { credentials: true, region: true }, [file]).aws, {
      profile: 'q',
      region: 'z',
    });
  });

  it('refuses empty names', () => {
    for (const choices of [{ secret: '' }, { secret: ' ' }, { env: '' }]) {
      assert.throws(
        () => resolve(choices),
        (error) => error instanceof JamfMcpError && error.code === 'INPUT_INVALID',
      );
    }
  });

  it('refuses a mistyped environment where the file lists the environments', () => {
    const config = { environments: { staging: {} } };
    assert.throws(
      () => resolve({ env: 'stagign' }, {}, [config]),
      (error) =>
        error instanceof JamfMcpError &&
        error.code === 'CONFIG_INVALID' &&
        error.hint?.includes('production, staging') === true,
    );
    assert.equal(resolve({ env: 'production' }, {}, [config]).environment, 'production');
    assert.equal(resolve({ env: 'anything' }, {}, [{}]).environment, 'anything');
  });
});

describe('jamf-mcp.yaml', () => {
  it('reads a whole file', () => {
    const text =
      'environment: staging\nenvironments:\n  staging:\n    store: aws\n    ecs: { cluster: a, service: b }\n    audit:\n      knownPrincipals: ["arn:aws:iam::*:role/x"]\n';
    const config = parseConfig(text, 'jamf-mcp.yaml');
    assert.equal(config.environment, 'staging');
    assert.deepEqual(config.environments?.staging?.audit?.knownPrincipals, ['arn:aws:iam::*:role/x']);
  });

  it('takes an empty file', () => {
    assert.deepEqual(parseConfig('', 'f'), {});
    assert.deepEqual(parseConfig('# nothing\n', 'f'), {});
  });

  const wrong: [string, string, RegExp][] = [
    ['a key that is not there', 'store: aws\nsecert: x\n', /^f:2:1: unknown key secert$/],
    [
      'a nested key that is not there',
      'environments:\n  staging:\n    ecs:\n      clutser: x\n',
      /^f:4:7: unknown key environments\.staging\.ecs\.clutser$/,
    ],
    [
      'a store that is not there',
      'environments:\n  a:\n    store: s3\n',
      /^f:3:12: environments\.a\.store: invalid option/,
    ],
    ['a wrong type', 'region: 7\n', /^f:1:9: region: /],
    [
      'a principal that no ARN is like',
      'audit:\n  knownPrincipals: ["user/bob"]\n',
      /^f:2:21: audit\.knownPrincipals\.0: has to be an ARN, /,
    ],
    [
      'a suppression whose reason says nothing',
      'audit:\n  suppressions:\n    - {finding: root, until: 2026-12-31, reason: "  "}\n',
      /^f:3:\d+: audit\.suppressions\.0\.reason: has to say why$/,
    ],
    ['no mapping', '- a\n', /^f:1:1: the file: /],
    ['broken YAML', 'a: [1,\nb: "x', /^f:\d+:\d+: /],
    [
      'an alias bomb',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(9)}*a]\nc: &c [${'*b,'.repeat(9)}*b]\nd: [${'*c,'.repeat(9)}*c]\n`,
      /alias|^f:/i,
    ],
  ];
  for (const [what, text, message] of wrong) {
    it(`names the place of ${what}`, () => {
      assert.throws(
        () => parseConfig(text, 'f'),
        (error) => {
          assert.ok(error instanceof JamfMcpError, String(error));
          assert.equal(error.code, 'CONFIG_INVALID');
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('has the JSON Schema that is checked in for editors', async () => {
    const file = new URL('../../docs/jamf-mcp.schema.json', import.meta.url);
    assert.deepEqual(
      JSON.parse(await readFile(file, 'utf8')),
      configJsonSchema(),
      'run `npm run build` to write docs/jamf-mcp.schema.json',
    );
  });
});
