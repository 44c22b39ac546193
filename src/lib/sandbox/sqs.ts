/** SQS: queues that keep what is sent to them, as far as a dead-letter queue needs it. */
import { objectOf, requiredText, text } from './input.ts';
import { ACCOUNT, AwsFault, type AwsService, type World } from './service.ts';

/** One queue. */
export interface Queue {
  name: string;
  arn: string;
  attributes: Record<string, string>;
  tags: Record<string, string>;
  messages: { body: string; at: number }[];
}

/** SQS with what tests may look at. */
export interface Sqs extends AwsService {
  /** By name. */
  queues: Map<string, Queue>;
}

/**
 * SQS with no queues.
 * @param endpoint - the URL below which queues are; known once the server listens
 */
export function createSqs(world: World, endpoint: () => string): Sqs {
  const queues = new Map<string, Queue>();
  const urlOf = ({ name }: Queue) => `${endpoint()}/${ACCOUNT}/${name}`;
  const named = (input: Record<string, unknown>) => {
    const queue = queues.get(requiredText(input, 'QueueUrl').split('/').at(-1) ?? '');
    if (!queue) throw noQueue();
    return queue;
  };
  return {
    queues,
    resource: ({ input }) => {
      const name = (text(input, 'QueueName') ?? text(input, 'QueueUrl') ?? '').split('/').at(-1) ?? '';
      return queues.get(name)?.arn ?? '*';
    },
    handlers: {
      CreateQueue(input, { region }) {
        const name = requiredText(input, 'QueueName', { min: 1, max: 80 });
        const attributes = objectOf(input, 'Attributes') as Record<string, string> | undefined;
        const existing = queues.get(name);
        const differs = Object.entries(attributes ?? {}).some(([key, value]) => existing?.attributes[key] !== value);
        if (existing && differs) {
          throw new AwsFault(
            'QueueNameExists',
            'A queue already exists with the same name and a different value for an attribute.',
          );
        }
        const made: Queue = existing ?? {
          name,
          arn: `arn:aws:sqs:${region}:${ACCOUNT}:${name}`,
          attributes: { ...attributes },
          tags: { ...(objectOf(input, 'tags') as Record<string, string> | undefined) },
          messages: [],
        };
        queues.set(name, made);
        return { QueueUrl: urlOf(made) };
      },
      GetQueueUrl(input) {
        const queue = queues.get(requiredText(input, 'QueueName', { min: 1, max: 80 }));
        if (!queue) throw noQueue();
        return { QueueUrl: urlOf(queue) };
      },
      GetQueueAttributes(input) {
        const { arn, attributes, messages } = named(input);
        return {
          Attributes: { ...attributes, QueueArn: arn, ApproximateNumberOfMessages: String(messages.length) },
        };
      },
      SetQueueAttributes(input) {
        Object.assign(named(input).attributes, objectOf(input, 'Attributes'));
        return {};
      },
      SendMessage(input) {
        named(input).messages.push({ body: requiredText(input, 'MessageBody', { min: 1 }), at: world.clock.now() });
        return { MessageId: world.random.uuid() };
      },
      DeleteQueue(input) {
        queues.delete(named(input).name);
        return {};
      },
    },
  };
}

const noQueue = () => new AwsFault('QueueDoesNotExist', 'The specified queue does not exist.');
