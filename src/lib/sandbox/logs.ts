/** CloudWatch Logs: groups, their retention, and the streams that functions write. */
import { integer, objectOf, requiredText, text } from './input.ts';
import { page } from './paging.ts';
import { ACCOUNT, AwsFault, type AwsService, type World } from './service.ts';

/** One log group. */
export interface LogGroup {
  name: string;
  arn: string;
  createdAt: number;
  retentionInDays: number | null;
  tags: Record<string, string>;
  /** Lines by stream. */
  streams: Map<string, { at: number; line: string }[]>;
}

/** CloudWatch Logs with what tests may look at. */
export interface Logs extends AwsService {
  /** By name. */
  groups: Map<string, LogGroup>;
}

/** Logs with no groups. */
export function createLogs(world: World): Logs {
  const groups = new Map<string, LogGroup>();
  const named = (input: Record<string, unknown>) => {
    const group = groups.get(requiredText(input, 'logGroupName', { min: 1, max: 512 }));
    if (group) return group;
    throw new AwsFault('ResourceNotFoundException', 'The specified log group does not exist.');
  };
  return {
    groups,
    handlers: {
      CreateLogGroup(input, { region }) {
        const name = requiredText(input, 'logGroupName', { min: 1, max: 512 });
        if (groups.has(name)) {
          throw new AwsFault('ResourceAlreadyExistsException', 'The specified log group already exists');
        }
        groups.set(name, {
          name,
          arn: `arn:aws:logs:${region}:${ACCOUNT}:log-group:${name}:*`,
          createdAt: world.clock.now(),
          retentionInDays: null,
          tags: { ...(objectOf(input, 'tags') as Record<string, string> | undefined) },
          streams: new Map(),
        });
        return undefined;
      },
      PutRetentionPolicy(input) {
        named(input).retentionInDays = integer(input, 'retentionInDays', { min: 1, max: 3653 }) ?? null;
        return undefined;
      },
      DescribeLogGroups(input) {
        const prefix = text(input, 'logGroupNamePrefix') ?? '';
        const found = [...groups.values()].filter(({ name }) => name.startsWith(prefix));
        const cut = page(found, {
          size: integer(input, 'limit', { min: 1, max: 50 }) ?? 50,
          token: text(input, 'nextToken'),
          binding: prefix,
        });
        return {
          logGroups: cut.items.map(({ name, arn, createdAt, retentionInDays }) => ({
            logGroupName: name,
            arn,
            logGroupArn: arn.slice(0, -2),
            creationTime: createdAt,
            retentionInDays: retentionInDays ?? undefined,
          })),
          nextToken: cut.nextToken,
        };
      },
      DeleteLogGroup(input) {
        groups.delete(named(input).name);
        return undefined;
      },
    },
  };
}
