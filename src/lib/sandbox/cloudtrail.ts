/** CloudTrail: every call of the sandbox as a record, and LookupEvents with its limits (audit.md §5). */
import { trailRecord, userNameOf, type TrailRecord } from './cloudtrail-record.ts';
import { publicKeys, type PublishedKey } from './cloudtrail-keys.ts';
import { integer, objects, requiredText, text } from './input.ts';
import {
  AwsFault,
  type AwsCall,
  type AwsService,
  type SandboxClock,
  type SandboxRandom,
  type World,
} from './service.ts';

/** CloudTrail with what tests may look at and script. */
export interface Trail extends AwsService {
  /** Every record, in the order in which it was written. */
  records: readonly TrailRecord[];
  /** See {@link World.record}. */
  record: World['record'];
  /** Add a record of something that AWS itself does now. */
  write(record: TrailRecord): void;
  /** Add a record as it is: a past, an attack, a line of somebody else's log. */
  plant(record: TrailRecord): void;
  /** What has been delivered by now, a past that was planted at its own time. */
  delivered: () => Delivered[];
  /** Let ListPublicKeys tell a key. */
  publish(key: PublishedKey): void;
}

/** A record, and when CloudTrail delivered it, in milliseconds since 1970. */
export interface Delivered {
  record: TrailRecord;
  at: number;
}

/** One record as LookupEvents finds it. */
interface Event {
  /** Milliseconds since 1970. */
  at: number;
  visibleAt: number;
  deliveredAt: number;
  sequence: number;
  record: TrailRecord;
}

/** What LookupEvents goes back to. */
const RETENTION_MS = 90 * 86_400_000;

/** Requests a second, per account and Region. */
const RATE = { requests: 2, perMs: 1000 };

const PAGE_SIZE = 50;

/** What each attribute is compared with: exactly, case included. */
const ATTRIBUTES: Readonly<Record<string, (record: TrailRecord) => string | undefined>> = {
  EventId: ({ eventID }) => eventID,
  EventName: ({ eventName }) => eventName,
  ReadOnly: ({ readOnly }) => String(readOnly),
  Username: ({ userIdentity }) => userNameOf(userIdentity),
  // Records of Secrets Manager name no resources (audit.md §3 row 11), those of KMS name the key.
  ResourceType: ({ resources }) => resources?.[0]?.type,
  ResourceName: ({ resources }) => resources?.[0]?.ARN,
  EventSource: ({ eventSource }) => eventSource,
  AccessKeyId: ({ userIdentity }) => accessKeyOf(userIdentity),
};

const accessKeyOf = ({ accessKeyId }: Record<string, unknown>) =>
  typeof accessKeyId === 'string' ? accessKeyId : undefined;

/**
 * An empty trail.
 * @param options - `deliveryDelayMs`: how long after a call its record can be looked up
 */
export function createTrail(clock: SandboxClock, random: SandboxRandom, options: { deliveryDelayMs: number }): Trail {
  const events: Event[] = [];
  const records: TrailRecord[] = [];
  const tokens = new Map<string, { binding: string; after: Event }>();
  const requests = new Map<string, number[]>();
  const keys = publicKeys(clock);
  const add = (record: TrailRecord, at: number, visibleAt: number, deliveredAt = visibleAt) => {
    events.push({ at, visibleAt, deliveredAt, sequence: events.length, record });
    records.push(record);
  };

  const throttle = (region: string) => {
    const now = clock.now();
    const recent = (requests.get(region) ?? []).filter((at) => now - at < RATE.perMs);
    requests.set(region, recent);
    if (recent.length >= RATE.requests) throw new AwsFault('ThrottlingException', 'Rate exceeded');
    recent.push(now);
  };

  const lookup = (input: Record<string, unknown>, call: AwsCall) => {
    throttle(call.region);
    const now = clock.now();
    const size = pageSize(input);
    const window = windowOf(input);
    const attribute = attributeOf(input);
    if (input.EventCategory !== undefined && input.EventCategory !== 'insight') {
      throw new AwsFault('InvalidEventCategoryException', 'The event category is not valid.');
    }
    const binding = JSON.stringify([call.region, window, attribute, input.EventCategory]);
    const found = events
      .filter(({ at, visibleAt, record }) => {
        const inside = at >= Math.max(window.start ?? 0, now - RETENTION_MS) && at <= (window.end ?? Infinity);
        return (
          inside &&
          visibleAt <= now &&
          record.awsRegion === call.region &&
          input.EventCategory === undefined &&
          (!attribute || ATTRIBUTES[attribute.key]?.(record) === attribute.value)
        );
      })
      .sort(newestFirst);
    const nextToken = text(input, 'NextToken');
    const last = nextToken === undefined ? null : tokens.get(nextToken);
    if (last === undefined || (last && last.binding !== binding)) {
      throw new AwsFault(
        'InvalidNextTokenException',
        'The NextToken is not valid, or the request differs from the one that it was given out for.',
      );
    }
    const rest = last ? found.filter((event) => newestFirst(last.after, event) < 0) : found;
    const page = rest.slice(0, size);
    const end = page.at(-1);
    const token = end && rest.length > size ? random.text(64) : undefined;
    if (token !== undefined && end) tokens.set(token, { binding, after: end });
    return { Events: page.map(entry), NextToken: token };
  };

  return {
    records,
    handlers: { LookupEvents: lookup, ...keys.handlers },
    publish: keys.publish,
    record(call, outcome) {
      const at = clock.now();
      add(trailRecord(call, outcome, at, random.uuid()), at, at + options.deliveryDelayMs);
    },
    write(record) {
      const at = clock.now();
      add(record, at, at + options.deliveryDelayMs);
    },
    plant(record) {
      const at = Date.parse(record.eventTime);
      add(record, at, clock.now(), at);
    },
    delivered: () =>
      events.filter(({ visibleAt }) => visibleAt <= clock.now()).map(({ record, deliveredAt: at }) => ({ record, at })),
  };
}

const newestFirst = (a: Event, b: Event) => b.at - a.at || b.sequence - a.sequence;

const entry = ({ at, record }: Event) => ({
  EventId: record.eventID,
  EventName: record.eventName,
  ReadOnly: String(record.readOnly),
  AccessKeyId: accessKeyOf(record.userIdentity),
  EventTime: Math.floor(at / 1000),
  EventSource: record.eventSource,
  Username: userNameOf(record.userIdentity),
  Resources: (record.resources ?? []).map(({ type, ARN }) => ({ ResourceType: type, ResourceName: ARN })),
  CloudTrailEvent: JSON.stringify(record),
});

function pageSize(input: Record<string, unknown>): number {
  const size = integer(input, 'MaxResults', { min: -Infinity, max: Infinity }) ?? PAGE_SIZE;
  if (size >= 1 && size <= PAGE_SIZE) return size;
  throw new AwsFault(
    'InvalidMaxResultsException',
    `A value of ${String(size)} is not valid: MaxResults has to be between 1 and ${String(PAGE_SIZE)}.`,
  );
}

/** Start and end in milliseconds; whole seconds count, both ends included. */
function windowOf(input: Record<string, unknown>): { start: number | null; end: number | null } {
  const time = (name: string) => {
    const value = input[name];
    if (value === undefined || value === null) return null;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      throw new AwsFault('InvalidTimeRangeException', `${name} is not a valid time.`);
    return value * 1000;
  };
  const window = { start: time('StartTime'), end: time('EndTime') };
  if (window.start !== null && window.end !== null && window.start > window.end) {
    throw new AwsFault('InvalidTimeRangeException', 'StartTime has to be before EndTime.');
  }
  return window;
}

/** The first attribute; AWS silently ignores the others. */
function attributeOf(input: Record<string, unknown>): { key: string; value: string } | null {
  const first = objects(input, 'LookupAttributes', Infinity)?.[0];
  if (!first) return null;
  const key = requiredText(first, 'AttributeKey');
  const value = requiredText(first, 'AttributeValue', { min: 1, max: 2000 });
  if (!Object.hasOwn(ATTRIBUTES, key))
    throw new AwsFault('InvalidLookupAttributesException', `The lookup attribute ${key} is not valid.`);
  return { key, value };
}
